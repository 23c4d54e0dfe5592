"""Branches of a graph that cost nothing where they are not taken."""

from collections.abc import Callable

import tensorflow as tf


def apart(branch: Callable[[], tf.Tensor]) -> Callable[[], tf.Tensor]:
    """Keeps a branch of `tf.cond` or `tf.switch_case` one operation.

    Else TensorFlow passes over each of its operations where the branch is
    not taken: decoding a small photograph took twice as long.

    Example:

    >>> tf.cond(tf.constant(True), apart(lambda: tf.constant(1)), lambda: 2)
    <tf.Tensor: shape=(), dtype=int32, numpy=1>
    """
    if tf.executing_eagerly():
        return branch
    return tf.function(
        branch, autograph=False, experimental_attributes={"_noinline": True}
    )
