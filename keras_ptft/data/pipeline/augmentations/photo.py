"""The usual recipe for photographs."""

import tensorflow as tf

from keras_ptft.data.pipeline.augmentations.color import color_jitter
from keras_ptft.data.pipeline.augmentations.geometry import (
    crop_boxes,
    cropped,
    mirrored,
)
from keras_ptft.data.pipeline.augmentations.images import check_images
from keras_ptft.errors import check_range


def photo(
    images: tf.Tensor,
    seeds: tf.Tensor,
    /,
    *,
    area: tuple[float, float] = (0.25, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    color: float = 0.2,
) -> tf.Tensor:
    """Crops and flips, and changes light and colours a little.

    It is random_resized_crop, flip and color_jitter without the hue.

    Args:
        area: least and largest area of the part, as a fraction of the image.
        ratio: least and largest width of the part, divided by its height.
        color: largest change of brightness, contrast and saturation, as a
            fraction of each; 0: none.
    """
    check_images(images)
    check_range("color", color, 0.0, 1.0)
    boxes = crop_boxes(images, seeds, area, ratio)
    # a part that is read from right to left is mirrored at no cost
    images = cropped(images, mirrored(boxes, seeds))
    if not color:
        return images
    amounts = dict.fromkeys(("brightness", "contrast", "saturation"), color)
    return color_jitter(images, seeds, **amounts, hue=0.0)
