"""Characters that HTML writes by name or number."""

import functools
import html.entities

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.string_table import StringTable
from keras_ptft.data.text.normalize.unicode_nfkc import where

_NUMBER = "&#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});"
_ENTITY = f"{_NUMBER}|&[A-Za-z][A-Za-z0-9]{{1,31}};"
_MARK = "\x1f"
_DIGITS = 7
# what no character has a number for (U+FFFD)
_INVALID = 0xFFFD


def unescape(texts: tf.Tensor) -> tf.Tensor:
    """Entities of HTML 5 as the characters that they stand for.

    All named ones that end with a semicolon, and numbers, of which 128 to
    159 mean what Windows puts there, as browsers read them. What is no
    entity stays.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        strings of shape (batch,).

    Example:

    >>> texts = tf.constant(["&lt;&eacute;&#x4e2d;&#146;"])
    >>> unescape(texts).numpy()[0].decode()
    '<é中’'
    """
    return where(tf.strings.regex_full_match(texts, "(?s).*&.*"), texts, _split)


def _split(texts: tf.Tensor) -> tf.Tensor:
    """Splits at the entities, reads each, and joins again."""
    texts = tf.strings.regex_replace(texts, _MARK, " ")
    texts = tf.strings.regex_replace(texts, _ENTITY, rf"{_MARK}\0{_MARK}")
    parts = tf.strings.split(texts, _MARK)
    read = where(
        tf.strings.regex_full_match(parts.flat_values, _NUMBER),
        _named(parts.flat_values),
        _numbered,
    )
    return tf.strings.reduce_join(parts.with_flat_values(read), axis=-1)


def _named(parts: tf.Tensor) -> tf.Tensor:
    table, values = _names()
    places = table.find(parts)
    found = tf.gather(values, tf.maximum(places, 0))
    return tf.where(places < 0, parts, found)


@functools.cache
def _names() -> tuple[StringTable, np.ndarray]:
    ended = {k: v for k, v in html.entities.html5.items() if k[-1] == ";"}
    values = [value.encode() for value in ended.values()]
    return StringTable([f"&{name}" for name in ended]), np.array(values, object)


def _numbered(parts: tf.Tensor) -> tf.Tensor:
    base = tf.where(tf.strings.regex_full_match(parts, "&#[xX].*"), 16, 10)
    digits = tf.strings.regex_replace(parts, "&#[xX]?|;", "")
    padded = tf.strings.substr("0" * _DIGITS + digits, -_DIGITS, _DIGITS)
    coded = tf.io.decode_raw(padded, tf.uint8, fixed_length=_DIGITS)
    coded = tf.cast(coded, tf.int32)
    # 0 to 9 are 48 to 57, a to f 97 to 102, A to F 65 to 70
    digit = tf.where(coded < 65, coded - 48, coded % 32 + 9)
    places = base[:, None] ** tf.range(_DIGITS - 1, -1, -1)
    codes = _mended(tf.reduce_sum(digit * places, 1))
    return tf.strings.unicode_encode(codes[:, None], "UTF-8")


def _mended(codes: tf.Tensor) -> tf.Tensor:
    """Code points without those that are none."""
    windows = bytes(range(128, 160)).decode("cp1252", "replace")
    windows = np.array([ord(character) for character in windows], np.int32)
    inside = (codes >= 128) & (codes < 160)
    moved = tf.gather(windows, tf.where(inside, codes - 128, 0))
    codes = tf.where(inside, moved, codes)
    surrogate = (codes >= 0xD800) & (codes < 0xE000)
    invalid = tf.equal(codes, 0) | surrogate | (codes > 0x10FFFF)
    return tf.where(invalid, _INVALID, codes)
