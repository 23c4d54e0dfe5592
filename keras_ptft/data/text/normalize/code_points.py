"""Changes of texts by their code points, by core TensorFlow operations.

What changes to what is a table that becomes constants of the graph.
"""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.string_table import find

Codes = tuple[tf.Tensor, tf.Tensor]
"""Code points, int32 of shape (n,), and the text of each, int64 (n,)."""

Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Code points that change, the start and the length of the slice that
replaces each, and what the slices are of."""

# no character beyond these has a case, or changes in normalization
CODES = range(0x30000)
_ASCII = "[[:ascii:]]*"


def is_ascii(texts: tf.Tensor) -> tf.Tensor:
    """Returns which strings of shape (batch,) are pure ASCII, bool."""
    return tf.strings.regex_full_match(texts, _ASCII)


def change_some(
    chosen: tf.Tensor,
    texts: tf.Tensor,
    change: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Applies `change` to the chosen strings only, to save time."""

    def changed() -> tf.Tensor:
        indices = tf.where(chosen)
        found = change(tf.gather_nd(texts, indices))
        return tf.tensor_scatter_nd_update(texts, indices, found)

    return tf.cond(tf.reduce_any(chosen), changed, lambda: texts)


def on_codes(
    change: Callable[[tf.Tensor, tf.Tensor], Codes],
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Turns a change of code points into one of texts."""

    def changed(texts: tf.Tensor) -> tf.Tensor:
        decoded = tf.strings.unicode_decode(texts, "UTF-8")
        codes, rows = change(decoded.flat_values, decoded.value_rowids())
        encoded = tf.RaggedTensor.from_value_rowids(
            codes, rows, nrows=decoded.nrows(), validate=False
        )
        return tf.strings.unicode_encode(encoded, "UTF-8")

    return changed


def expand(codes: tf.Tensor, rows: tf.Tensor, table: Table) -> Codes:
    """Replaces each code point by those that the table has for it."""
    keys, starts, lengths, values = table
    indices, found = find(keys, codes)
    counts = tf.where(found, tf.gather(lengths, indices), 1)
    old = tf.repeat(tf.range(tf.size(codes)), counts)
    first = tf.cumsum(counts, exclusive=True)
    within = tf.range(tf.size(old)) - tf.gather(first, old)
    found = tf.gather(found, old)
    new = tf.gather(starts, tf.gather(indices, old)) + within
    new = tf.gather(values, tf.where(found, new, 0))
    return tf.where(found, new, tf.gather(codes, old)), tf.gather(rows, old)


def table(codes: Iterable[int], change: Callable[[str], str]) -> Table:
    """Returns what a function of characters changes, of ascending codes."""
    changed = {c: to for c in codes if (to := change(chr(c))) != chr(c)}
    lengths = np.array([len(to) for to in changed.values()], np.int32)
    values = np.array([ord(c) for c in "".join(changed.values())], np.int32)
    starts = (np.cumsum(lengths) - lengths).astype(np.int32)
    return np.array(list(changed), np.int32), starts, lengths, values
