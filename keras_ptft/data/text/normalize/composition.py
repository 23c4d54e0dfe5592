"""The second half of Unicode normalization: marks ordered and composed.

"Unicode Normalization Forms", UAX #15, sections 1.3 and 1.4, for many texts
at once: all stretches that can be composed go forward side by side.
"""

import functools
import unicodedata

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.string_table import find

# no character beyond these is changed or changes others
CODES = range(0x30000)
# what may follow in one stretch: real text has fewer than 10, and a text
# made to keep a server busy is not worth it
_LONGEST = 32
# stands for "no mark, but may be composed with what is before it"
_FOLLOWS = 256
_L, _V, _T, _S = 0x1100, 0x1161, 0x11A7, 0xAC00
_LS, _VS, _TS = 19, 21, 28


def ordered(codes: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Decomposed code points with the marks of a letter in their order.

    Args:
        codes: int32 of shape (n,).
        rows: int64 of shape (n,), the text of each.
    """
    kinds = _kinds(codes)
    marks = tf.where(tf.equal(kinds, _FOLLOWS), 0, kinds)
    heads = tf.equal(marks, 0) | _first(rows)
    wrong = ~heads[1:] & (marks[1:] < marks[:-1])
    keys = 256 * tf.cumsum(tf.cast(heads, tf.int64)) + tf.cast(marks, tf.int64)
    return tf.cond(
        tf.reduce_any(wrong),
        lambda: tf.gather(codes, tf.argsort(keys, stable=True)),
        lambda: codes,
    )


def composed(codes: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Ordered code points, composed where there is a letter for two.

    Args:
        codes: int32 of shape (n,).
        rows: int64 of shape (n,), the text of each.
    """
    kinds = _kinds(codes)
    heads = tf.cast(tf.where(tf.equal(kinds, 0) | _first(rows)), tf.int32)[:, 0]
    ends = tf.concat([heads, tf.size(codes, tf.int32)[None]], 0)[1:]
    long = tf.boolean_mask(tf.stack([heads, ends], 1), ends - heads > 1)
    marks = tf.where(tf.equal(kinds, _FOLLOWS), 0, kinds)
    none = tf.zeros_like(long[:, 0])
    kept = tf.ones_like(codes, tf.bool)
    # each stretch: its place and end, the letter to compose with, and the
    # class of the last mark that was left between the two
    state = tf.stack([long[:, 0] + 1, long[:, 1], long[:, 0], none], 1)
    codes, kept, _ = tf.while_loop(
        lambda *state: tf.size(state[-1]) > 0,
        lambda *state: _step(*state, marks),
        (codes, kept, state),
        shape_invariants=(codes.shape, kept.shape, tf.TensorShape([None, 4])),
        maximum_iterations=_LONGEST - 1,
    )
    return tf.boolean_mask(codes, kept), tf.boolean_mask(rows, kept)


def _step(codes, kept, state, marks):
    """Every stretch goes on by one code point."""
    place, end, letter, last = tf.unstack(state, axis=1)
    mark = tf.gather(marks, place)
    pair = _pair(tf.gather(codes, letter), tf.gather(codes, place))
    joined = (pair > 0) & (tf.equal(last, 0) | (last < mark))
    done = tf.where(joined)
    codes = tf.tensor_scatter_nd_update(
        codes, tf.gather(letter, done), tf.gather_nd(pair, done)
    )
    kept = tf.tensor_scatter_nd_update(
        kept, tf.gather(place, done), tf.zeros_like(done[:, 0], tf.bool)
    )
    starts = ~joined & tf.equal(mark, 0)
    letter = tf.where(starts, place, letter)
    last = tf.where(joined, last, mark)
    state = tf.stack([place + 1, end, letter, last], 1)
    return codes, kept, tf.boolean_mask(state, place + 1 < end)


def _pair(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """The code point that two are composed to, or 0."""
    keys, values = _pairs()
    places, found = find(keys, _key(first, second))
    pair = tf.where(found, tf.gather(values, places), 0)
    left, vowel, syllable = first - _L, second - _V, first - _S
    start = _inside(left, 0, _LS) & _inside(vowel, 0, _VS)
    pair = tf.where(start, _S + (left * _VS + vowel) * _TS, pair)
    closed = _inside(syllable, 0, _LS * _VS * _TS)
    closed &= tf.equal(syllable % _TS, 0) & _inside(second - _T, 1, _TS)
    return tf.where(closed, first + second - _T, pair)


def _inside(values: tf.Tensor, low: int, high: int) -> tf.Tensor:
    return (values >= low) & (values < high)


def _key(first, second):
    """Two code points as one number; Unicode's have 21 bits."""
    return tf.cast(first, tf.int64) * 2**21 + tf.cast(second, tf.int64)


def _first(rows: tf.Tensor) -> tf.Tensor:
    """Which code points begin a text."""
    before = tf.concat([[tf.constant(-1, rows.dtype)], rows], 0)[:-1]
    return tf.not_equal(rows, before)


def _kinds(codes: tf.Tensor) -> tf.Tensor:
    """0: a letter by itself; else the combining class, or _FOLLOWS."""
    keys, values = _followers()
    places, found = find(keys, codes)
    return tf.where(found, tf.gather(values, places), 0)


@functools.cache
def _pairs() -> tuple[np.ndarray, np.ndarray]:
    """What is composed of two, without Hangul, sorted by the two."""
    found = {}
    for code in CODES:
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            first, second = (int(part, 16) for part in parts)
            # some are never composed
            if unicodedata.normalize("NFC", chr(code)) == chr(code):
                found[first * 2**21 + second] = code
    keys = sorted(found)
    values = [found[key] for key in keys]
    return np.array(keys, np.int64), np.array(values, np.int32)


@functools.cache
def _followers() -> tuple[np.ndarray, np.ndarray]:
    """Code points that join what is before them, with their kinds."""
    kinds = dict.fromkeys((_pairs()[0] % 2**21).tolist(), _FOLLOWS)
    kinds |= dict.fromkeys([*range(_V, _V + _VS)], _FOLLOWS)
    kinds |= dict.fromkeys([*range(_T + 1, _T + _TS)], _FOLLOWS)
    for code in CODES:
        if mark := unicodedata.combining(chr(code)):
            kinds[code] = mark
    keys = sorted(kinds)
    values = [kinds[key] for key in keys]
    return np.array(keys, np.int32), np.array(values, np.int32)
