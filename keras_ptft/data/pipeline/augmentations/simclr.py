"""The views that contrastive learning compares."""

import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.pipeline.augmentations.color import (
    color_jitter,
    luminance,
)
from keras_ptft.data.pipeline.augmentations.geometry import (
    crop_boxes,
    cropped,
    mirrored,
)
from keras_ptft.data.pipeline.augmentations.images import (
    by_example,
    check_pixels,
    rounded,
)
from keras_ptft.errors import check_range

_STREAM = 5
_JITTERED = 0.8
_GREY = 0.2


def simclr(
    images: tf.Tensor,
    seeds: tf.Tensor,
    /,
    *,
    area: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    flip: bool = True,
    color: float = 0.5,
) -> tf.Tensor:
    """Crops and flips, and changes colours a lot (Chen et al. 2020).

    As in their appendix A, without the blur, which they leave out for small
    images too: 4 of 5 images get other colours, 1 of 5 becomes grey.

    Args:
        area: least and largest area of the part, as a fraction of the image.
        ratio: least and largest width of the part, divided by its height.
        flip: whether half of the images are mirrored left to right.
        color: strength s: brightness, contrast and saturation change by up
            to 0.8 s, the hue by 0.2 s; 0: colours stay.
    """
    check_pixels(images)
    check_range("color", color, 0.0, 1.25)
    boxes = crop_boxes(images, seeds, area, ratio)
    images = cropped(images, mirrored(boxes, seeds) if flip else boxes)
    if not color:
        return images
    jitter, grey = tf.unstack(draw(seeds, 2, stream=_STREAM), axis=1)
    changing = "brightness", "contrast", "saturation"
    amounts = dict.fromkeys(changing, color * 0.8)
    changed = color_jitter(images, seeds, **amounts, hue=0.2 * color)
    images = tf.where(by_example(jitter < _JITTERED), changed, images)
    shades = rounded(luminance(images), tf.uint8)
    return tf.where(by_example(grey < _GREY), shades, images)
