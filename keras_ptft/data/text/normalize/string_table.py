"""Where values stand in a table, by operations that keep no state.

A table is constants of the graph: nothing to initialise, to track or to
write beside an export, as the lookup tables of TensorFlow ask for.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_HASHES = 2**63 - 1


def find(keys: np.ndarray, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Places of numbers in a sorted table, and whether they are there.

    Args:
        keys: sorted whole numbers, at least one.
        values: of shape (n,) and the dtype of the keys.

    Returns:
        int32 of shape (n,), any place where a value is missing; and bool.

    Example:

    >>> places, found = find(np.int32([3, 7]), tf.constant([7, 9]))
    >>> int(places[0]), found.numpy().tolist()
    (1, [True, False])
    """
    places = tf.minimum(tf.searchsorted(keys, values), len(keys) - 1)
    return places, tf.equal(tf.gather(keys, places), values)


class StringTable:
    """A table of different strings.

    Example:

    >>> StringTable(["a", "b"]).find(tf.constant(["b", "c"])).numpy().tolist()
    [1, -1]
    """

    def __init__(self, strings: Sequence[str]) -> None:
        # a place of its own for nothing, since a table may not be empty
        coded = [b"", *(string.encode() for string in strings)]
        with tf.init_scope():
            hashes = tf.strings.to_hash_bucket_fast(coded, _HASHES).numpy()
        order = np.argsort(hashes)
        self._hashes = hashes[order]
        self._strings = np.array(coded, object)[order]
        self._places = (order - 1).astype(np.int32)

    def find(self, values: tf.Tensor) -> tf.Tensor:
        """Places in the table, int32 of the shape (n,), -1 where missing."""
        hashes = tf.strings.to_hash_bucket_fast(values, _HASHES)
        places, near = find(self._hashes, hashes)
        same = tf.equal(tf.gather(self._strings, places), values)
        return tf.where(near & same, tf.gather(self._places, places), -1)
