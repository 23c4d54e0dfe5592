"""Batches of texts of similar length, which need little padding."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import Order, permuted

# batches that are sorted together: enough that lengths within a batch are
# alike, few enough that an epoch's batches stay mixed
GROUP = 16
_MIN_STEP = 8


def buckets(longest: int) -> np.ndarray:
    """Returns the lengths that batches are padded to, up to the longest.

    They are a quarter or 8 tokens apart, so there are few distinct shapes.

    Example:

    >>> buckets(50).tolist()
    [8, 16, 24, 32, 40, 48, 50]
    """
    edges = [min(_MIN_STEP, longest)]
    while edges[-1] < longest:
        step = max(_MIN_STEP, edges[-1] // 4 // _MIN_STEP * _MIN_STEP)
        edges.append(min(edges[-1] + step, longest))
    return np.array(edges, np.int64)


def padded_length(lengths: tf.Tensor, edges: np.ndarray) -> tf.Tensor:
    """Returns the bucket that holds the longest of some texts.

    Args:
        lengths: tokens of each text, of shape (texts,).
        edges: as `buckets` returns them.

    Returns:
        int64 scalar; a constant where there is one bucket.
    """
    if len(edges) == 1:
        return tf.constant(edges[0], tf.int64)
    bucket = tf.searchsorted(edges, tf.reduce_max(lengths, keepdims=True))
    return tf.gather(edges, bucket[0])


def by_length(
    lengths: np.ndarray, batch_size: int, steps: int, order: Order
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a random order with examples of similar length in each batch.

    The order of an epoch is cut into groups of 16 batches. Each group is
    sorted by length and cut into batches, in random order.

    Args:
        lengths: tokens of each example.
        batch_size: examples a batch.
        steps: whole batches of an epoch.
        order: the random order that is sorted in part.

    Returns:
        Pure function: (step of an epoch, key of the epoch) → int64 indices
        of the examples in that batch.
    """
    lengths = tf.constant(lengths, tf.int32)
    group_size = tf.constant(GROUP, tf.int64)

    def choose(step: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        group = step // group_size
        first = group * group_size
        count = tf.minimum(group_size, steps - first)
        positions = first * batch_size + tf.range(count * batch_size)
        members = order(positions, key)
        by_size = tf.argsort(tf.gather(lengths, members), stable=True)
        batches = tf.reshape(tf.gather(members, by_size), [-1, batch_size])
        # with the key of the examples it would repeat their order
        batch_key = tf.stack([key[0] + group + 1, key[1]])
        turn = permuted((step - first)[None], batch_key, count)
        return tf.gather(batches, turn[0])

    return choose


def evaluation_order(lengths: np.ndarray, batch_size: int) -> np.ndarray:
    """Returns the order in which examples are evaluated.

    Each group of 16 batches is sorted by length, so that whoever needs the
    outputs in the order of the examples holds back one group at a time.

    Args:
        lengths: tokens of each example.
        batch_size: examples a batch.

    Returns:
        int64 permutation of the examples.

    Example:

    >>> evaluation_order(np.array([9, 2, 5]), batch_size=1).tolist()
    [1, 2, 0]
    """
    groups = np.arange(len(lengths)) // (GROUP * batch_size)
    return np.lexsort((lengths, groups))
