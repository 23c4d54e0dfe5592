"""Normal numbers that no seed of a run repeats."""

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_SUMMED = 4


def fresh_key() -> tuple[int, int]:
    """Returns 128 random bits of the operating system, as two of int64.

    TensorFlow's own `from_non_deterministic_state` takes all of a process's
    states from one generator with a seed of 32 bits.
    """
    first, second = np.frombuffer(os.urandom(16), np.int64).tolist()
    return first, second


def normals(
    shapes: Sequence[tf.TensorShape], key: tuple[int, int], number: tf.Tensor
) -> list[tf.Tensor]:
    """Returns standard normal numbers, other ones for each key and number.

    Each is half of the sum of four. One alone is never beyond 5.68, since
    TensorFlow makes it of a uniform number of at least 1e-7, and shows by its
    last bits what it was added to (Mironov 2012; Holohan and Braghin 2021,
    "Secure Random Sampling in Differential Privacy").

    Args:
        shapes: of the tensors.
        key: as `fresh_key` returns it.
        number: int64 scalar, such as the step.

    Returns:
        A float32 tensor of each shape.
    """
    sizes = [shape.num_elements() for shape in shapes]
    seed = tf.constant(key, tf.int64) + tf.stack([0 * number, number])
    drawn = tf.random.stateless_normal([_SUMMED, sum(sizes)], seed)
    summed = tf.reduce_sum(drawn, axis=0) / _SUMMED**0.5
    parts = tf.split(summed, sizes)
    return [
        tf.reshape(part, shape)
        for part, shape in zip(parts, shapes, strict=True)
    ]
