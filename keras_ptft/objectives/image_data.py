"""What objectives that change images must know of them."""

import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError


def image_spec(info: DataInfo, objective: str) -> tf.TensorSpec:
    """Returns what an image looks like.

    Args:
        info: what is known of the data.
        objective: as the user writes it, for the error.

    Returns:
        Of shape (height, width, channels).

    Raises:
        UserError: the data are no images.
    """
    spec = info.spec
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank != 3:
        raise UserError(
            f"--objective={objective} learns from images, and the data are "
            "none: choose images, or of texts --objective=masked_tokens."
        )
    return spec


def value_range(spec: tf.TensorSpec) -> float:
    """Returns the largest value of a pixel: floats are from 0 to 1.

    Example:

    >>> value_range(tf.TensorSpec((8, 8, 1), tf.uint8))
    255.0
    """
    return 255.0 if spec.dtype == tf.uint8 else 1.0
