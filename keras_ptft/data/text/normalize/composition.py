"""The second half of `unicode_nfkc`: marks are reordered and composed.

"Unicode Normalization Forms", UAX #15, sections 1.3 and 1.4, for all texts at
once: every sequence that may be composed advances in parallel. Our own code,
not tensorflow_text's, for the reason that `unicode_nfkc` gives.
"""

import functools
import unicodedata

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.code_points import CODES, Codes
from keras_ptft.data.text.normalize.string_table import find, sorted_table

# longest sequence that is composed: real text has fewer than 10, and a text
# made to keep a server busy is not worth it
_LONGEST = 32
# kind of a code point that is no mark, but may be composed with its left
_FOLLOWS = 256
_L, _V, _T, _S = 0x1100, 0x1161, 0x11A7, 0xAC00
_LS, _VS, _TS = 19, 21, 28


def combining_classes(codes: tf.Tensor) -> tf.Tensor:
    """Returns the class of each code point, int32: 0 for what is no mark."""
    return _marks(_kinds(codes))


def reorder(codes: tf.Tensor, rows: tf.Tensor, marks: tf.Tensor) -> tf.Tensor:
    """Sorts the combining marks behind each letter by their class.

    Args:
        codes: decomposed code points, int32 of shape (n,).
        rows: the text of each, int64 of shape (n,).
        marks: the combining class of each, int32 of shape (n,).

    Returns:
        The code points, int32 of shape (n,).
    """
    heads = tf.equal(marks, 0) | _first(rows)
    wrong = ~heads[1:] & (marks[1:] < marks[:-1])
    keys = 256 * tf.cumsum(tf.cast(heads, tf.int64)) + tf.cast(marks, tf.int64)
    return tf.cond(
        tf.reduce_any(wrong),
        lambda: tf.gather(codes, tf.argsort(keys, stable=True)),
        lambda: codes,
    )


def compose(codes: tf.Tensor, rows: tf.Tensor) -> Codes:
    """Replaces pairs of code points by the one that stands for both.

    Args:
        codes: reordered code points, int32 of shape (n,).
        rows: the text of each, int64 of shape (n,).

    Returns:
        The code points that are left, and the text of each.
    """
    kinds = _kinds(codes)
    heads = tf.cast(tf.where(tf.equal(kinds, 0) | _first(rows)), tf.int32)[:, 0]
    ends = tf.concat([heads, tf.size(codes, tf.int32)[None]], 0)[1:]
    long = tf.boolean_mask(tf.stack([heads, ends], 1), ends - heads > 1)
    marks = _marks(kinds)
    none = tf.zeros_like(long[:, 0])
    kept = tf.ones_like(codes, tf.bool)
    # of each sequence: the index it is at, its end, the letter to compose
    # with, and the class of the last mark left between the two
    state = tf.stack([long[:, 0] + 1, long[:, 1], long[:, 0], none], 1)
    codes, kept, _ = tf.while_loop(
        lambda *loop: tf.size(loop[-1]) > 0,
        lambda codes, kept, state: _step(codes, kept, state, marks),
        (codes, kept, state),
        shape_invariants=(codes.shape, kept.shape, tf.TensorShape([None, 4])),
        maximum_iterations=_LONGEST - 1,
    )
    return tf.boolean_mask(codes, kept), tf.boolean_mask(rows, kept)


def _step(
    codes: tf.Tensor, kept: tf.Tensor, state: tf.Tensor, marks: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Advances every sequence by one code point."""
    index, end, letter, last = tf.unstack(state, axis=1)
    mark = tf.gather(marks, index)
    pair = _pair(tf.gather(codes, letter), tf.gather(codes, index))
    joined = (pair > 0) & (tf.equal(last, 0) | (last < mark))
    done = tf.where(joined)
    codes = tf.tensor_scatter_nd_update(
        codes, tf.gather(letter, done), tf.gather_nd(pair, done)
    )
    kept = tf.tensor_scatter_nd_update(
        kept, tf.gather(index, done), tf.zeros_like(done[:, 0], tf.bool)
    )
    starts = ~joined & tf.equal(mark, 0)
    letter = tf.where(starts, index, letter)
    last = tf.where(joined, last, mark)
    state = tf.stack([index + 1, end, letter, last], 1)
    return codes, kept, tf.boolean_mask(state, index + 1 < end)


def _pair(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Returns the code point that two are composed to, or 0."""
    keys, values = _pairs()
    # code points have 21 bits
    key = tf.cast(first, tf.int64) * 2**21 + tf.cast(second, tf.int64)
    indices, found = find(keys, key)
    pair = tf.where(found, tf.gather(values, indices), 0)
    left, vowel, syllable = first - _L, second - _V, first - _S
    start = _within(left, 0, _LS) & _within(vowel, 0, _VS)
    pair = tf.where(start, _S + (left * _VS + vowel) * _TS, pair)
    closed = _within(syllable, 0, _LS * _VS * _TS)
    closed &= tf.equal(syllable % _TS, 0) & _within(second - _T, 1, _TS)
    return tf.where(closed, first + second - _T, pair)


def _within(values: tf.Tensor, low: int, high: int) -> tf.Tensor:
    return (values >= low) & (values < high)


def _first(rows: tf.Tensor) -> tf.Tensor:
    """Returns which code points begin a text."""
    before = tf.concat([[tf.constant(-1, rows.dtype)], rows], 0)[:-1]
    return tf.not_equal(rows, before)


def _kinds(codes: tf.Tensor) -> tf.Tensor:
    """Returns 0 for a letter by itself, else combining class or _FOLLOWS."""
    keys, values = _followers()
    indices, found = find(keys, codes)
    return tf.where(found, tf.gather(values, indices), 0)


def _marks(kinds: tf.Tensor) -> tf.Tensor:
    """Returns combining classes, 0 for what is no mark."""
    return tf.where(tf.equal(kinds, _FOLLOWS), 0, kinds)


@functools.cache
def _pairs() -> tuple[np.ndarray, np.ndarray]:
    """Returns sorted keys of two code points, and their composition.

    Hangul is composed by arithmetic instead.
    """
    found = {}
    for code in CODES:
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            first, second = (int(part, 16) for part in parts)
            # some are never composed
            if unicodedata.normalize("NFC", chr(code)) == chr(code):
                found[first * 2**21 + second] = code
    return sorted_table(found, np.int64)


@functools.cache
def _followers() -> tuple[np.ndarray, np.ndarray]:
    """Returns code points that may join what is before them, and kinds."""
    follows = (_pairs()[0] % 2**21).tolist()
    hangul = (*range(_V, _V + _VS), *range(_T + 1, _T + _TS))
    kinds = dict.fromkeys((*follows, *hangul), _FOLLOWS)
    for code in CODES:
        if mark := unicodedata.combining(chr(code)):
            kinds[code] = mark
    return sorted_table(kinds, np.int32)
