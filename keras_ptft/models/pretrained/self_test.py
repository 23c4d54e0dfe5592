"""Whether a known model computes here what the original computes."""

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError


def group_means(features: np.ndarray, groups: int) -> np.ndarray:
    """Returns weighted means of neighbouring features: few numbers, of all.

    Within each group the weights rise from 1 to 2, so that features that
    changed places are seen.

    Args:
        features: floating point numbers of shape (batch, width).
        groups: number of groups of equal size, a divisor of width.

    Returns:
        float64 of shape (batch, groups).

    Example:

    >>> group_means(np.array([[1.0, 3.0, 5.0, 9.0]]), 2).tolist()
    [[3.5, 11.5]]
    """
    grouped = features.astype(np.float64).reshape(len(features), groups, -1)
    return (grouped * np.linspace(1.0, 2.0, grouped.shape[-1])).mean(axis=-1)


def self_test(
    backbone: keras.Model,
    inputs: np.ndarray,
    expected: np.ndarray,
    *,
    tolerance: float,
    origin: str,
) -> None:
    """Compares features with those that the original computed.

    Args:
        backbone: with the weights of the original, in float32.
        inputs: a batch.
        expected: `group_means` of the original's features of it.
        tolerance: largest difference of a mean.
        origin: where the weights come from.

    Raises:
        UserError: they differ by more.
    """
    # graphics cards round more coarsely
    with tf.device("CPU:0"):
        features = backbone(inputs, training=False)
    means = group_means(np.asarray(features), expected.shape[-1])
    difference = np.abs(means - expected).max()
    # the other way round, NaN would pass
    if not difference <= tolerance:
        raise UserError(
            f"The self-test of {origin} failed: expected the features of the "
            f"original within {tolerance:g}, got a difference of "
            f"{difference:.3g}: install the package again, and the versions "
            "of TensorFlow and Keras that keras_ptft asks for."
        )
