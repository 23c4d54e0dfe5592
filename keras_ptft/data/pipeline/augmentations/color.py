"""Images made brighter, of other contrast, saturation and hue.

Each operation takes uint8 images, grey or RGB, and a number for each; it
computes as Pillow's ImageEnhance does, but rounds to the nearest. What is
summed over pixels is summed exactly, so that an image comes out the same in
any batch. Grey images have no saturation and no hue: they stay as they are.
"""

import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.pipeline.augmentations.images import (
    by_example,
    check_pixels,
    rounded,
)
from keras_ptft.errors import check_range

_STREAM = 3
# luminance of red, green and blue (ITU-R 601) times 65536, as Pillow has it
_LUMINANCE = (19595.0, 38470.0, 7471.0)


def color_jitter(
    images: tf.Tensor,
    seeds: tf.Tensor,
    /,
    *,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    hue: float = 0.1,
) -> tf.Tensor:
    """Changes brightness, contrast, saturation and hue.

    One after the other: the first three are multiplied by a number from 1 - s
    to 1 + s. Saturation and hue do not change grey images.

    Args:
        brightness: s of the brightness, from 0 to 1.
        contrast: s of the contrast, from 0 to 1.
        saturation: s of the saturation, from 0 to 1.
        hue: largest turn of the circle of colours, from 0 to 0.5.
    """
    check_pixels(images)
    check_range("brightness", brightness, 0.0, 1.0)
    check_range("contrast", contrast, 0.0, 1.0)
    check_range("saturation", saturation, 0.0, 1.0)
    check_range("hue", hue, 0.0, 0.5)
    turns = tf.unstack(2.0 * draw(seeds, 4, stream=_STREAM) - 1.0, axis=1)
    if brightness:
        images = brightened(images, 1.0 + brightness * turns[0])
    if contrast:
        images = contrasted(images, 1.0 + contrast * turns[1])
    if saturation:
        images = saturated(images, 1.0 + saturation * turns[2])
    if hue:
        images = recolored(images, hue * turns[3])
    return images


def brightened(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Multiplies every pixel: 0 is black, 1 the image.

    Example:

    >>> pixel = tf.constant([[[[100]]]], tf.uint8)
    >>> brightened(pixel, tf.constant([1.256])).numpy().item()
    126
    """
    values = tf.cast(images, tf.float32) * by_example(factors)
    return rounded(values, tf.uint8)


def contrasted(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Draws away from the mean luminance: 0 is an even grey, 1 the image."""
    shades = tf.cast(luminance(images), tf.float64)
    # exact in float64, in whatever order it is summed
    means = tf.reduce_mean(shades, axis=(1, 2, 3), keepdims=True)
    grey = tf.cast(tf.floor(means + 0.5), tf.float32)
    return blended(grey, images, factors)


def saturated(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Draws away from the luminance: 0 is a grey image, 1 the image."""
    if images.shape[-1] == 1:
        return images
    return blended(luminance(images), images, factors)


def recolored(images: tf.Tensor, turns: tf.Tensor) -> tf.Tensor:
    """Turns the circle of colours: 1/3 makes red green, 0 changes nothing."""
    if images.shape[-1] == 1:
        return images
    colors = tf.image.rgb_to_hsv(tf.cast(images, tf.float32) / 255.0)
    hue, rest = colors[..., :1], colors[..., 1:]
    turned = tf.math.floormod(hue + by_example(turns), 1.0)
    values = 255.0 * tf.image.hsv_to_rgb(tf.concat([turned, rest], axis=-1))
    return rounded(values, tf.uint8)


def blended(
    origin: tf.Tensor, images: tf.Tensor, factors: tf.Tensor
) -> tf.Tensor:
    """Goes from `origin` (0) to the images (1) and past them (more)."""
    values = tf.cast(images, tf.float32)
    moved = origin + by_example(factors) * (values - origin)
    return rounded(moved, tf.uint8)


def luminance(images: tf.Tensor) -> tf.Tensor:
    """Computes luminance, whole numbers as float32 of one channel."""
    values = tf.cast(images, tf.float32)
    if images.shape[-1] == 1:
        return values
    # whole numbers below 2^24, so sums are exact
    weights = tf.constant(_LUMINANCE)[:, None]
    return tf.floor(tf.tensordot(values, weights, 1) / 65536.0 + 0.5)
