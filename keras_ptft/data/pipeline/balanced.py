"""Epochs in which all classes come alike, however many examples they have."""

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.index_shuffle import Order, permuted
from keras_ptft.errors import UserError


def balanced(source: Source, size: int) -> Order:
    """Returns an order that shows each class as often, give or take one.

    Within a class, no example comes again before all others have come.

    Args:
        source: examples with a label each.
        size: examples of an epoch.

    Raises:
        UserError: they have none, or all the same.

    Example:

    >>> from keras_ptft.data.core.array_source import ArraySource
    >>> source = ArraySource(np.eye(5), [0, 0, 0, 0, 1], name="vector")
    >>> positions = tf.range(6, dtype=tf.int64)
    >>> order = balanced(source, 6)(positions, tf.constant([0, 1], tf.int64))
    >>> sorted(order.numpy().tolist())[-3:]
    [4, 4, 4]
    """
    counts = class_counts(source)
    # the examples class by class, and where each class begins
    members = np.argsort(source.labels, kind="stable")
    starts = np.cumsum(counts) - counts
    with tf.init_scope(), tf.device("CPU:0"):
        members, starts, counts = map(tf.constant, (members, starts, counts))
    classes = len(counts)

    def order(positions: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        places = permuted(positions, key, size)
        # who comes once more is another class in each epoch
        number = (places + key[1]) % classes
        count = tf.gather(counts, number)
        turn = places // classes
        # a permutation of its own for each pass over a class
        passes = 1 + turn // count * classes + number
        keys = tf.stack([key[0] + passes, key[1] + 0 * passes], axis=1)
        chosen = permuted(turn % count, keys, count)
        return tf.gather(members, tf.gather(starts, number) + chosen)

    return order


def class_counts(source: Source) -> np.ndarray:
    """Returns the number of examples of each class that has any.

    Raises:
        UserError: there are no classes, or only one.
    """
    counts = np.unique(source.labels, return_counts=True)[1].astype(np.int64)
    unclassed = source.has_targets or source.values is not None
    if unclassed or len(counts) < 2:
        raise UserError(
            "--sampling=balanced needs one label an example and 2 classes or "
            f"more, got {'other targets' if unclassed else 'one class'}: use "
            "--sampling=shuffled."
        )
    return counts
