"""Stateless random order and numbers, by one keyed permutation."""

import tensorflow as tf

# The 4 rounds of `tf.random.experimental.index_shuffle` leave neighbours
# together: batches of 64 out of 400 sorted examples were less even than
# chance by 2.6 to 1. From 8 rounds on nothing is seen of it.
_ROUNDS = 16
_RANGE = 2**48


def permuted(
    places: tf.Tensor, key: tf.Tensor, size: int | tf.Tensor
) -> tf.Tensor:
    """Where a random permutation of range(size) sends some places.

    Args:
        places: int64 of shape (n,), each from 0 to size - 1.
        key: int64 of shape (2,), chooses the permutation.
        size: how many places there are.

    Returns:
        int64 of shape (n,).

    Example:

    >>> key = tf.constant([0, 1], tf.int64)
    >>> sorted(permuted(tf.range(5, dtype=tf.int64), key, 5).numpy().tolist())
    [0, 1, 2, 3, 4]
    """
    return tf.raw_ops.RandomIndexShuffle(
        index=places,
        seed=tf.concat([key, key[:1]], 0),
        max_index=tf.cast(size, tf.int64) - 1,
        rounds=_ROUNDS,
    )


def draw(
    seeds: tf.Tensor, count: int | tf.Tensor, stride: int = 0
) -> tf.Tensor:
    """Uniform numbers that depend on (seed, epoch, example) alone.

    Args:
        seeds: int64 of shape (batch, 3): seed, epoch, example; the first
            two are the same throughout.
        count: numbers an example.
        stride: numbers that are set aside for an example; with the same
            one, a smaller count gives the first of a larger; 0: count.

    Returns:
        float32 in [0, 1), of shape (batch, count).
    """
    numbers = tf.range(tf.cast(count, tf.int64))
    places = seeds[:, 2:] * (stride or count) + numbers
    values = permuted(tf.reshape(places, [-1]), seeds[0, :2], _RANGE)
    # 24 bits are what a float32 below 1 can hold
    numbers = tf.cast(values // (_RANGE // 2**24), tf.float32) / 2.0**24
    return tf.reshape(numbers, tf.shape(places))
