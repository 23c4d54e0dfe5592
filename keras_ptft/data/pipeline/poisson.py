"""Batches whose examples are drawn independently of each other.

That is what the accounting of a private training takes for granted: an
example is in a batch or not, whatever the others are.
"""

import dataclasses

import tensorflow as tf

EMPTY = -1
"""Stands for an example where a place of a batch is not taken."""


@dataclasses.dataclass(frozen=True)
class Poisson:
    """How the examples of a step are drawn.

    Attributes:
        threshold: an example is in a batch with a probability of this over
            2^32.
        capacity: places of a batch; examples that find none are left out,
            the last ones first.
        key: 128 bits, as two of int64: who knows them knows the batches.
    """

    threshold: int
    capacity: int
    key: tuple[int, int]


def drawn(poisson: Poisson, size: int, step: tf.Tensor) -> tf.Tensor:
    """Draws the examples of a step: a pure function of (key, step).

    Args:
        poisson: how.
        size: how many examples there are.
        step: int64 scalar, counted from the first step of a training.

    Returns:
        int64 of shape (capacity,): indices in rising order, then `EMPTY`.

    Example:

    >>> drawn(Poisson(2**31, 8, (20, 26)), 10, tf.constant(3, tf.int64)).shape
    TensorShape([8])
    """
    draws = tf.random.stateless_uniform(
        [size],
        tf.constant(poisson.key, tf.int64) + tf.stack([0 * step, step]),
        minval=None,
        maxval=None,
        dtype=tf.uint32,
        alg="philox",
    )
    # the threshold may be 2^32, where all are in
    taken = tf.where(tf.cast(draws, tf.int64) < poisson.threshold)
    found = taken[: poisson.capacity, 0]
    missing = poisson.capacity - tf.shape(found)[0]
    batch = tf.pad(found, [[0, missing]], constant_values=EMPTY)
    return tf.reshape(batch, [poisson.capacity])
