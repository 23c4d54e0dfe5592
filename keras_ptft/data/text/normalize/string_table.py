"""Look-up of values in a table, by operations without state.

A table is constants of the graph. Unlike TensorFlow's lookup tables it needs
no initialization, no tracking and no file beside an export.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

Find = Callable[[tf.Tensor], tf.Tensor]
"""Strings of shape (n,) → their indices in a table, -1 if missing."""

_HASHES = 2**63 - 1


def find(
    keys: np.ndarray | tf.Tensor, values: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds numbers in a sorted table.

    Args:
        keys: sorted integers, at least one.
        values: tensor of shape (n,), of the dtype of the keys.

    Returns:
        The index of each value, int32 of shape (n,), arbitrary where it is
        missing; and whether it is there, bool of shape (n,).

    Example:

    >>> indices, found = find(np.int32([3, 7]), tf.constant([7, 9]))
    >>> int(indices[0]), found.numpy().tolist()
    (1, [True, False])
    """
    indices = tf.minimum(tf.searchsorted(keys, values), keys.shape[0] - 1)
    return indices, tf.equal(tf.gather(keys, indices), values)


def sorted_table(
    table: dict[int, int], keys: type
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the keys for `find`, of that dtype, and the values, int32."""
    codes, values = zip(*sorted(table.items()), strict=True)
    return np.array(codes, keys), np.array(values, np.int32)


class StringTable:
    """A table of distinct strings.

    Example:

    >>> StringTable(["a", "b"]).find(tf.constant(["b", "c"])).numpy().tolist()
    [1, -1]
    """

    def __init__(self, strings: Sequence[str]) -> None:
        # the empty string, with index -1, since no table may be empty
        coded = [b"", *(string.encode() for string in strings)]
        with tf.init_scope():
            hashes = tf.strings.to_hash_bucket_fast(coded, _HASHES).numpy()
        order = np.argsort(hashes)
        self._hashes = hashes[order]
        self._strings = np.array(coded, object)[order]
        self._indices = (order - 1).astype(np.int32)

    def find(self, values: tf.Tensor) -> tf.Tensor:
        """Returns indices in the table, int32 of shape (n,), -1 if missing."""
        return self.finder()(values)

    def finder(self) -> Find:
        """Returns `find` for several uses, which share the constants."""
        hashes, strings, indices = map(
            tf.constant, (self._hashes, self._strings, self._indices)
        )

        def find_in_it(values: tf.Tensor) -> tf.Tensor:
            wanted = tf.strings.to_hash_bucket_fast(values, _HASHES)
            slots, near = find(hashes, wanted)
            same = tf.equal(tf.gather(strings, slots), values)
            return tf.where(near & same, tf.gather(indices, slots), -1)

        return find_in_it
