"""Unicode normalization and lower case, by core TensorFlow operations.

tensorflow_text.normalize_utf8 is 60 times faster, but the plain TensorFlow C
API, which is TensorFlow Serving's loader, and OpenVINO cannot load its
operations: a portable export matters more than that speed.

Core TensorFlow has no normalization, and its lower case depends on the locale
of the process: `LC_ALL=tr_TR.UTF-8` turns I into ı. Here both use tables of
Python's `unicodedata` that become constants of the graph, so training and
serving agree.
"""

import functools
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.composition import (
    CODES,
    Codes,
    compose,
    reorder,
)
from keras_ptft.data.text.normalize.string_table import find

# code points that change, and the slices of `values` to replace them with
_Table = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
_ASCII = "[[:ascii:]]*"
_HANGUL = range(0xAC00, 0xD7A4)


def nfkc(texts: tf.Tensor) -> tf.Tensor:
    """Applies Unicode's compatibility composition, NFKC (UAX #15).

    Equals `unicodedata.normalize("NFKC", text)`, except that nothing is
    composed behind more than 31 combining characters in a row.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        Strings of shape (batch,).

    Example:

    >>> nfkc(tf.constant(["ﬁ Ａ e\u0301"])).numpy()[0].decode()
    'fi A é'
    """

    def normalize(codes: tf.Tensor, rows: tf.Tensor) -> Codes:
        codes, rows = _expand(codes, rows, _decompositions())
        return compose(reorder(codes, rows), rows)

    return change_some(~is_ascii(texts), texts, _on_codes(normalize))


def lower(texts: tf.Tensor) -> tf.Tensor:
    """Converts to lower case, letter by letter, whatever the locale.

    Applies `str.lower` to each character: Σ becomes σ at a word's end too.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        Strings of shape (batch,).

    Example:

    >>> lower(tf.constant(["ÀB"])).numpy()[0].decode()
    'àb'
    """

    def lower_codes(codes: tf.Tensor, rows: tf.Tensor) -> Codes:
        return _expand(codes, rows, _lower_cases())

    # without an encoding this is A to Z only, in any locale
    texts = tf.strings.lower(texts)
    return change_some(~is_ascii(texts), texts, _on_codes(lower_codes))


def is_ascii(texts: tf.Tensor) -> tf.Tensor:
    """Returns which strings of shape (batch,) are pure ASCII, bool."""
    return tf.strings.regex_full_match(texts, _ASCII)


def change_some(
    chosen: tf.Tensor,
    texts: tf.Tensor,
    change: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Applies `change` to the chosen strings only, to save time."""
    indices = tf.where(chosen)
    changed = change(tf.gather_nd(texts, indices))
    return tf.tensor_scatter_nd_update(texts, indices, changed)


def _on_codes(
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


def _expand(codes: tf.Tensor, rows: tf.Tensor, table: _Table) -> Codes:
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


@functools.cache
def _decompositions() -> _Table:
    # Hangul syllables are composed whether or not they were decomposed
    codes = (c for c in CODES if c not in _HANGUL)
    return _table(codes, functools.partial(unicodedata.normalize, "NFKD"))


@functools.cache
def _lower_cases() -> _Table:
    return _table(CODES, str.lower)


def _table(codes: Iterable[int], change: Callable[[str], str]) -> _Table:
    changed = {c: to for c in codes if (to := change(chr(c))) != chr(c)}
    lengths = np.array([len(to) for to in changed.values()], np.int32)
    values = np.array([ord(c) for c in "".join(changed.values())], np.int32)
    starts = (np.cumsum(lengths) - lengths).astype(np.int32)
    return np.array(list(changed), np.int32), starts, lengths, values
