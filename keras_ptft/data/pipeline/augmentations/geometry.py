"""Images mirrored, moved and cropped."""

import math

import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.pipeline.augmentations.images import (
    check_images,
    check_interval,
    rounded,
)
from keras_ptft.errors import check_range

_CROP_STREAM = 1
# crops that do not fit into the image are drawn again, this many times
_TRIES = 10
# of the image: rounding errors would lead outside, where all is black
_MARGIN = 1e-6


def flip(images: tf.Tensor, seeds: tf.Tensor, /) -> tf.Tensor:
    """Mirrors images left to right, with probability 1/2."""
    check_images(images)
    width = images.shape[2]
    columns = tf.range(width)
    columns = tf.where(_is_mirrored(seeds)[:, None], columns[::-1], columns)
    return tf.gather(images, columns, axis=2, batch_dims=1)


def shift(
    images: tf.Tensor, seeds: tf.Tensor, /, *, padding: int = 2
) -> tf.Tensor:
    """Pads with zeros, then crops at a random position.

    Args:
        padding: maximum shift to each side in pixels.
    """
    check_images(images)
    check_range("padding", padding, 0)
    height, width = images.shape[1:3]
    offsets = tf.cast(draw(seeds, 3)[:, :2] * (2 * padding + 1), tf.int32)
    sides = [padding, padding]
    padded = tf.pad(images, [[0, 0], sides, sides, [0, 0]])
    rows = offsets[:, :1] + tf.range(height)
    columns = offsets[:, 1:] + tf.range(width)
    moved = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(moved, columns, axis=2, batch_dims=1)


def flip_crop(
    images: tf.Tensor, seeds: tf.Tensor, /, *, padding: int = 4
) -> tf.Tensor:
    """Flip and shift, the usual recipe for CIFAR (He et al. 2016).

    Args:
        padding: maximum shift to each side in pixels.
    """
    return shift(flip(images, seeds), seeds, padding=padding)


def random_resized_crop(
    images: tf.Tensor,
    seeds: tf.Tensor,
    /,
    *,
    area: tuple[float, float] = (0.25, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> tf.Tensor:
    """Enlarges a random part to the whole image (Szegedy et al. 2015).

    Args:
        area: least and largest area of the part, as a fraction of the image.
        ratio: least and largest width of the part, divided by its height.
    """
    check_images(images)
    return cropped(images, crop_boxes(images, seeds, area, ratio))


def crop_boxes(
    images: tf.Tensor,
    seeds: tf.Tensor,
    area: tuple[float, float],
    ratio: tuple[float, float],
) -> tf.Tensor:
    """Draws parts of images: areas uniformly, ratios uniformly in their log.

    Where none of 10 fits into its image, the whole image is the part.

    Args:
        images: of shape (batch, height, width, channels).
        seeds: int64 of shape (batch, 3), see `seeds_of`.
        area: least and largest, as a fraction of the image.
        ratio: least and largest width, divided by the height.

    Returns:
        float32 of shape (batch, 4): top, left, bottom and right, from 0 to 1.
    """
    check_interval("area", area, 0.01, 1.0)
    check_interval("ratio", ratio, 0.1, 10.0)
    height, width = images.shape[1:3]
    numbers = draw(seeds, 2 * _TRIES + 2, stream=_CROP_STREAM)
    places, tries = numbers[:, :2], tf.split(numbers[:, 2:], 2, axis=1)
    areas = area[0] + tries[0] * (area[1] - area[0])
    low, high = (math.log(limit * height / width) for limit in ratio)
    # the last bit of an exponential may depend on its place in a batch: in
    # float64 that is no bit of a float32
    wide = tf.cast(tries[1], tf.float64)
    ratios = tf.cast(tf.exp(low + wide * (high - low)), tf.float32)
    sides = tf.sqrt(tf.stack([areas / ratios, areas * ratios], axis=2))
    # what always fits comes last
    sides = tf.pad(sides, [[0, 0], [0, 1], [0, 0]], constant_values=1.0)
    fits = tf.reduce_all(sides <= 1.0, axis=2)
    first = tf.argmax(tf.cast(fits, tf.int32), axis=1)
    sides = tf.gather(sides, first, axis=1, batch_dims=1)
    corners = places * (1.0 - sides)
    return tf.concat([corners, corners + sides], axis=1)


def mirrored(boxes: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """Returns boxes that are read from right to left where `flip` mirrors."""
    other_way = tf.gather(boxes, [0, 3, 2, 1], axis=1)
    return tf.where(_is_mirrored(seeds)[:, None], other_way, boxes)


def cropped(images: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """Enlarges parts of images to their size, bilinearly.

    The middles of a part's outer pixels become those of the image's.

    Args:
        images: of shape (batch, height, width, channels).
        boxes: float32 of shape (batch, 4): top, left, bottom and right, 0
            being the middle of the first pixel and 1 that of the last.
    """
    enlarged = tf.image.crop_and_resize(
        images,
        _MARGIN + (1.0 - 2.0 * _MARGIN) * boxes,
        tf.range(tf.shape(images)[0]),
        images.shape[1:3],
    )
    return rounded(enlarged, images.dtype)


def _is_mirrored(seeds: tf.Tensor) -> tf.Tensor:
    return draw(seeds, 3)[:, 2] < 0.5
