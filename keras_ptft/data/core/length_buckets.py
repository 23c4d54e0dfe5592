"""Batches of texts of nearly the same length, so that padding is cheap."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import permuted

# batches that are sorted together: enough that each is even, few enough
# that an epoch's batches stay mixed
_TOGETHER = 16
_FINEST = 8


def buckets(longest: int) -> np.ndarray:
    """The lengths that batches are padded to, up to the longest.

    They are a quarter apart or 8 tokens, so few shapes are computed.

    Example:

    >>> buckets(50).tolist()
    [8, 16, 24, 32, 40, 48, 50]
    """
    found = [min(_FINEST, longest)]
    while found[-1] < longest:
        step = max(_FINEST, found[-1] // 4 // _FINEST * _FINEST)
        found.append(min(found[-1] + step, longest))
    return np.array(found, np.int64)


def padded_length(lengths: tf.Tensor, edges: np.ndarray) -> tf.Tensor:
    """The bucket that holds the longest of some texts, int64 scalar."""
    place = tf.searchsorted(edges, tf.reduce_max(lengths, keepdims=True))
    return tf.gather(edges, place[0])


def by_length(
    lengths: np.ndarray, batch_size: int, steps: int
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Random order in which the examples of a batch are alike in length.

    An epoch's random order is cut into groups of 16 batches. Each group is
    sorted by length, cut into batches, and these come in random order.

    Args:
        lengths: tokens of each example.
        batch_size: examples a batch.
        steps: whole batches of an epoch.

    Returns:
        (step of an epoch, key of the epoch) → int64 numbers of the examples
        in that batch, a pure function of the two.
    """
    lengths = tf.constant(lengths, tf.int32)
    together = tf.constant(_TOGETHER, tf.int64)

    def chosen(step, key):
        group = step // together
        first = group * together
        count = tf.minimum(together, steps - first)
        places = first * batch_size + tf.range(count * batch_size)
        members = permuted(places, key, lengths.shape[0])
        order = tf.argsort(tf.gather(lengths, members), stable=True)
        rows = tf.reshape(tf.gather(members, order), [-1, batch_size])
        # another key than that of the examples, whose order it would repeat
        other = tf.stack([key[0] + group + 1, key[1]])
        turn = permuted((step - first)[None], other, count)
        return tf.gather(rows, turn[0])

    return chosen
