"""RandAugment: a few random changes of one strength for each image.

Operations and their strengths are those of torchvision. Each takes uint8
images and a strength for each image, from -1 to 1 where it has two ways to
go and else from 0 to 1; at strength 0 it changes nothing, save for equalize
and autocontrast, which have no strength.
"""

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.pipeline.augmentations.color import (
    blended,
    brightened,
    contrasted,
    saturated,
)
from keras_ptft.data.pipeline.augmentations.images import (
    by_example,
    check_pixels,
    rounded,
)
from keras_ptft.errors import check_range

Operation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(images, strengths) → images of the same shape and type."""

_STREAM = 4
_STRONGEST = 30
_MOST_LAYERS = 16
# at the strongest
_FACTOR = 0.9
_SHEAR = 0.3
_SHIFT = 150.0 / 331.0
_ROTATION = math.pi / 6.0
_LOST_BITS = 4


def rand_augment(
    images: tf.Tensor,
    seeds: tf.Tensor,
    /,
    *,
    layers: int = 2,
    magnitude: float = 9.0,
) -> tf.Tensor:
    """Applies random operations of one strength (Cubuk et al. 2019).

    Args:
        layers: operations for each image, one after the other.
        magnitude: their strength, from 0 to 30.
    """
    check_pixels(images)
    check_range("layers", layers, 1, _MOST_LAYERS)
    check_range("magnitude", magnitude, 0, _STRONGEST)
    # reserved for the most layers, so that fewer begin alike
    numbers = draw(seeds, 2 * layers, 2 * _MOST_LAYERS, stream=_STREAM)
    numbers = tf.reshape(numbers, [-1, layers, 2])
    operations = list(OPERATIONS.values())
    for layer in tf.unstack(numbers, axis=1):
        choices = tf.cast(layer[:, 0] * len(operations), tf.int32)
        signs = tf.where(layer[:, 1] < 0.5, -1.0, 1.0)
        strengths = signs * (magnitude / _STRONGEST)
        images = applied(operations, images, choices, strengths)
    return images


def applied(
    operations: Sequence[Operation],
    images: tf.Tensor,
    choices: tf.Tensor,
    strengths: tf.Tensor,
) -> tf.Tensor:
    """Applies to each image the operation that is chosen for it.

    The images of one operation go through it together, and no other.

    Args:
        operations: what there is to choose from.
        images: uint8 of shape (batch, height, width, channels).
        choices: int32 of shape (batch,), numbers of operations.
        strengths: float32 of shape (batch,).
    """
    count = len(operations)
    places = tf.dynamic_partition(tf.range(tf.size(choices)), choices, count)
    parts = [
        operation(tf.gather(images, some), tf.gather(strengths, some))
        for operation, some in zip(operations, places, strict=True)
    ]
    return tf.ensure_shape(tf.dynamic_stitch(places, parts), images.shape)


def same(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Leaves images unchanged."""
    del strengths
    return images


def autocontrast(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Stretches each channel to all of 0 to 255."""
    del strengths
    values = tf.cast(images, tf.float32)
    low = tf.reduce_min(values, axis=(1, 2), keepdims=True)
    span = tf.reduce_max(values, axis=(1, 2), keepdims=True) - low
    stretched = 255.0 * tf.math.divide_no_nan(values - low, span)
    return rounded(tf.where(span > 0.0, stretched, values), tf.uint8)


def equalize(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Makes all shades of each channel alike frequent, as Pillow does."""
    del strengths
    _, height, width, channels = images.shape
    shades = tf.cast(tf.transpose(images, [0, 3, 1, 2]), tf.int32)
    shades = tf.reshape(shades, [-1, height * width])
    counts = tf.math.bincount(shades, minlength=256, maxlength=256, axis=-1)
    # the brightest shade does not count, whichever it is
    brightest = tf.reduce_max(shades, axis=1, keepdims=True)
    last = tf.gather(counts, brightest, batch_dims=1)
    step = (height * width - last) // 255
    before = tf.cumsum(counts, axis=1, exclusive=True)
    table = (before + step // 2) // tf.maximum(step, 1)
    table = tf.where(step > 0, tf.minimum(table, 255), tf.range(256))
    even = tf.gather(table, shades, batch_dims=1)
    even = tf.reshape(even, [-1, channels, height, width])
    return tf.cast(tf.transpose(even, [0, 2, 3, 1]), tf.uint8)


def rotate(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Rotates about the middle, by up to 30 degrees."""
    # in float64, as the exponential of `crop_boxes`
    angle = _ROTATION * tf.cast(strengths, tf.float64)
    cosine, sine = (tf.cast(f(angle), tf.float32) for f in (tf.cos, tf.sin))
    return _moved(images, (cosine, -sine), (sine, cosine))


def shear_x(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Moves rows sideways, the more the farther from the middle."""
    one, none = tf.ones_like(strengths), tf.zeros_like(strengths)
    return _moved(images, (one, _SHEAR * strengths), (none, one))


def shear_y(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Moves columns up or down, the more the farther from the middle."""
    one, none = tf.ones_like(strengths), tf.zeros_like(strengths)
    return _moved(images, (one, none), (_SHEAR * strengths, one))


def translate_x(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Moves sideways, by up to 45 % of the width."""
    distance = tf.round(_SHIFT * images.shape[2] * strengths)
    return _translated(images, distance, tf.zeros_like(distance))


def translate_y(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Moves up or down, by up to 45 % of the height."""
    distance = tf.round(_SHIFT * images.shape[1] * strengths)
    return _translated(images, tf.zeros_like(distance), distance)


def brightness(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Makes images darker or brighter, by up to 90 %."""
    return brightened(images, 1.0 + _FACTOR * strengths)


def contrast(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Takes or adds contrast, up to 90 %."""
    return contrasted(images, 1.0 + _FACTOR * strengths)


def color(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Takes or adds saturation, up to 90 %."""
    return saturated(images, 1.0 + _FACTOR * strengths)


def sharpness(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Blurs or sharpens; the outermost pixels stay, as Pillow leaves them."""
    values = tf.cast(images, tf.float32)
    channels = images.shape[-1]
    weights = tf.constant([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]])
    kernel = tf.tile(weights[:, :, None, None], [1, 1, channels, 1])
    sums = tf.nn.depthwise_conv2d(values, kernel, [1, 1, 1, 1], "SAME")
    height, width = images.shape[1:3]
    inside = _inner(height)[:, None, None] & _inner(width)[None, :, None]
    smooth = tf.where(inside, tf.round(sums / 13.0), values)
    return blended(smooth, images, 1.0 + _FACTOR * strengths)


def posterize(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Keeps the upper bits of each pixel, at least 4 of 8."""
    lost = tf.cast(tf.round(_LOST_BITS * tf.abs(strengths)), tf.uint8)
    kept = tf.bitwise.left_shift(tf.constant(255, tf.uint8), lost)
    return tf.bitwise.bitwise_and(images, by_example(kept))


def solarize(images: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """Inverts pixels from a shade on, the darker the stronger."""
    threshold = by_example(255.0 * (1.0 - tf.abs(strengths)))
    # without strength not even white is inverted
    beyond = by_example(strengths != 0.0)
    bright = tf.cast(images, tf.float32) >= threshold
    return tf.where(bright & beyond, 255 - images, images)


OPERATIONS: dict[str, Operation] = {
    "same": same,
    "autocontrast": autocontrast,
    "brightness": brightness,
    "color": color,
    "contrast": contrast,
    "equalize": equalize,
    "posterize": posterize,
    "rotate": rotate,
    "sharpness": sharpness,
    "shear_x": shear_x,
    "shear_y": shear_y,
    "solarize": solarize,
    "translate_x": translate_x,
    "translate_y": translate_y,
}


def _inner(size: int) -> tf.Tensor:
    """Which pixels of a row are not the first or the last."""
    return (tf.range(size) > 0) & (tf.range(size) < size - 1)


def _translated(
    images: tf.Tensor, across: tf.Tensor, down: tf.Tensor
) -> tf.Tensor:
    one, none = tf.ones_like(across), tf.zeros_like(across)
    return _transformed(images, (one, none, across, none, one, down))


def _moved(
    images: tf.Tensor,
    across: tuple[tf.Tensor, tf.Tensor],
    down: tuple[tf.Tensor, tf.Tensor],
) -> tf.Tensor:
    """Transforms images about their middle.

    Args:
        across: by which x and y are multiplied to find where a pixel of the
            result comes from, sideways.
        down: the same, up and down.
    """
    y, x = ((size - 1) / 2.0 for size in images.shape[1:3])
    to_x = x - across[0] * x - across[1] * y
    to_y = y - down[0] * x - down[1] * y
    return _transformed(images, (*across, to_x, *down, to_y))


def _transformed(images: tf.Tensor, rows: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """Looks each pixel up at (a x + b y + c, d x + e y + f); black outside.

    Args:
        rows: a to f, each of shape (batch,).
    """
    none = tf.zeros_like(rows[0])
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=tf.stack([*rows, none, none], axis=1),
        output_shape=images.shape[1:3],
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
    return rounded(moved, tf.uint8)
