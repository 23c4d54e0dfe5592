"""What every change of images needs: checks, and pixels in their type."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from keras_ptft.errors import UserError, check_range


def check_images(images: Any) -> None:
    """Raises a UserError unless these are images of one size."""
    if isinstance(images, Mapping) or images.shape.rank != 4:
        raise UserError(
            "Augmentation needs images of shape (height, width, channels), "
            f"got {described(images)}: use --augment=none and --mix=none."
        )


def check_pixels(images: Any) -> None:
    """Raises a UserError unless these are uint8 images, grey or RGB."""
    check_images(images)
    if images.dtype != tf.uint8 or images.shape[-1] not in (1, 3):
        raise UserError(
            "Augmentation of colours needs uint8 images of 1 channel or 3, "
            f"got {described(images)}: use --augment=flip or another."
        )


def check_interval(
    setting: str, interval: tuple[float, float], low: float, high: float
) -> None:
    """Raises a UserError unless low <= interval[0] <= interval[1] <= high."""
    check_range(setting, interval[0], low, high)
    check_range(setting, interval[1], interval[0], high)


def described(inputs: Any) -> str:
    """Returns what inputs are, for an error."""
    if isinstance(inputs, Mapping):
        return f"the inputs {', '.join(inputs)}"
    return f"{inputs.dtype.name} of shape {tuple(inputs.shape[1:])}"


def rounded(values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns float values in a type of pixels, rounded and cut off.

    Example:

    >>> rounded(tf.constant([-3.0, 7.6, 300.0]), tf.uint8).numpy().tolist()
    [0, 8, 255]
    """
    if dtype.is_integer:
        values = tf.round(values)
    return tf.saturate_cast(values, dtype)


def by_example(values: tf.Tensor) -> tf.Tensor:
    """Returns a number an image in the shape that multiplies images."""
    return values[:, None, None, None]
