"""Unicode normalization and lower case, by TensorFlow operations.

Core TensorFlow has no operation for the first, and its own lower case
follows the locale of the process: `LC_ALL=tr_TR.UTF-8` turns I into ı. Here
both come from tables made of Python's `unicodedata`, which become constants
of the graph. So training and serving cannot differ.
"""

import functools
import unicodedata
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.composition import CODES, composed, ordered
from keras_ptft.data.text.normalize.string_table import find

Codes = tuple[tf.Tensor, tf.Tensor]
_ASCII = "[[:ascii:]]*"
_HANGUL = range(0xAC00, 0xD7A4)


def nfkc(texts: tf.Tensor) -> tf.Tensor:
    """Unicode's compatibility composition (UAX #15), NFKC.

    It is what `unicodedata.normalize("NFKC", text)` is, but for what stands
    after more than 31 combining characters in a row: that is not composed.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        strings of shape (batch,).

    Example:

    >>> nfkc(tf.constant(["ﬁ Ａ e\u0301"])).numpy()[0].decode()
    'fi A é'
    """

    def normalized(codes, rows):
        codes, rows = _expanded(codes, rows, _decompositions())
        return composed(ordered(codes, rows), rows)

    return where(~is_ascii(texts), texts, lambda t: _recoded(t, normalized))


def lower(texts: tf.Tensor) -> tf.Tensor:
    """Lower case, letter by letter, whatever the locale.

    It is `str.lower` of each character: Σ becomes σ at a word's end too.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        strings of shape (batch,).

    Example:

    >>> lower(tf.constant(["ÀB"])).numpy()[0].decode()
    'àb'
    """

    def lowered(codes, rows):
        return _expanded(codes, rows, _lower_cases())

    # without an encoding it is A to Z alone, in any locale
    texts = tf.strings.lower(texts)
    return where(~is_ascii(texts), texts, lambda t: _recoded(t, lowered))


def is_ascii(texts: tf.Tensor) -> tf.Tensor:
    """Which strings of shape (batch,) are ASCII alone, bool."""
    return tf.strings.regex_full_match(texts, _ASCII)


def where(
    chosen: tf.Tensor,
    texts: tf.Tensor,
    change: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Changes the chosen strings alone, to spend no time on the others."""
    places = tf.where(chosen)
    changed = change(tf.gather_nd(texts, places))
    return tf.tensor_scatter_nd_update(texts, places, changed)


def _recoded(texts: tf.Tensor, change: Callable[..., Codes]) -> tf.Tensor:
    decoded = tf.strings.unicode_decode(texts, "UTF-8")
    codes, rows = change(decoded.flat_values, decoded.value_rowids())
    changed = tf.RaggedTensor.from_value_rowids(
        codes, rows, nrows=decoded.nrows(), validate=False
    )
    return tf.strings.unicode_encode(changed, "UTF-8")


def _expanded(codes: tf.Tensor, rows: tf.Tensor, table: tuple) -> Codes:
    """Each code point replaced by those that the table has for it."""
    keys, starts, lengths, values = table
    places, found = find(keys, codes)
    counts = tf.where(found, tf.gather(lengths, places), 1)
    old = tf.repeat(tf.range(tf.size(codes)), counts)
    first = tf.cumsum(counts, exclusive=True)
    within = tf.range(tf.size(old)) - tf.gather(first, old)
    found = tf.gather(found, old)
    new = tf.gather(starts, tf.gather(places, old)) + within
    new = tf.gather(values, tf.where(found, new, 0))
    return tf.where(found, new, tf.gather(codes, old)), tf.gather(rows, old)


@functools.cache
def _decompositions() -> tuple[np.ndarray, ...]:
    # syllables of Hangul are composed whether or not they were taken apart
    codes = (c for c in CODES if c not in _HANGUL)
    return _table(codes, functools.partial(unicodedata.normalize, "NFKD"))


@functools.cache
def _lower_cases() -> tuple[np.ndarray, ...]:
    return _table(CODES, str.lower)


def _table(
    codes: Iterable[int], change: Callable[[str], str]
) -> tuple[np.ndarray, ...]:
    """Changed code points, and where in all values theirs stand."""
    changed = {c: to for c in codes if (to := change(chr(c))) != chr(c)}
    lengths = np.array([len(to) for to in changed.values()], np.int32)
    values = np.array([ord(c) for c in "".join(changed.values())], np.int32)
    starts = (np.cumsum(lengths) - lengths).astype(np.int32)
    return np.array(list(changed), np.int32), starts, lengths, values
