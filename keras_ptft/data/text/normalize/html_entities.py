"""HTML's named and numbered characters, by core TensorFlow operations.

Not `html.unescape`: an export must clean a client's text exactly as training
cleaned its own, and Python does not run there.
"""

import functools
import html.entities

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.code_points import change_some
from keras_ptft.data.text.normalize.string_table import StringTable

_NUMBER = "&#(?:[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});"
_ENTITY = f"{_NUMBER}|&[A-Za-z][A-Za-z0-9]{{1,31}};"
_MARK = "\x1f"
_DIGITS = 7
# U+FFFD replaces numbers of no character
_INVALID = 0xFFFD


def unescape(texts: tf.Tensor) -> tf.Tensor:
    """Replaces the entities of HTML 5 by the characters they stand for.

    Covers all named ones that end with a semicolon, and numbers, of which
    128 to 159 mean Windows' characters, as browsers read them. Anything else
    stays.

    Args:
        texts: UTF-8 strings of shape (batch,).

    Returns:
        Strings of shape (batch,).

    Example:

    >>> texts = tf.constant(["&lt;&eacute;&#x4e2d;&#146;"])
    >>> unescape(texts).numpy()[0].decode()
    '<é中’'
    """
    has_entity = tf.strings.regex_full_match(texts, "(?s).*&.*")
    return change_some(has_entity, texts, _unescape)


def _unescape(texts: tf.Tensor) -> tf.Tensor:
    """Splits texts at entities, reads each, and joins them again."""
    texts = tf.strings.regex_replace(texts, _MARK, " ")
    texts = tf.strings.regex_replace(texts, _ENTITY, rf"{_MARK}\0{_MARK}")
    parts = tf.strings.split(texts, _MARK)
    is_number = tf.strings.regex_full_match(parts.flat_values, _NUMBER)
    read = change_some(is_number, _named(parts.flat_values), _numbered)
    return tf.strings.reduce_join(parts.with_flat_values(read), axis=-1)


def _named(parts: tf.Tensor) -> tf.Tensor:
    table, values = _names()
    indices = table.find(parts)
    found = tf.gather(values, tf.maximum(indices, 0))
    return tf.where(indices < 0, parts, found)


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
    powers = base[:, None] ** tf.range(_DIGITS - 1, -1, -1)
    codes = _valid(tf.reduce_sum(digit * powers, 1))
    return tf.strings.unicode_encode(codes[:, None], "UTF-8")


def _valid(codes: tf.Tensor) -> tf.Tensor:
    """Replaces numbers of no character."""
    windows = bytes(range(128, 160)).decode("cp1252", "replace")
    table = np.array([ord(character) for character in windows], np.int32)
    moves = (codes >= 128) & (codes < 160)
    codes = tf.where(
        moves, tf.gather(table, tf.where(moves, codes - 128, 0)), codes
    )
    surrogate = (codes >= 0xD800) & (codes < 0xE000)
    invalid = tf.equal(codes, 0) | surrogate | (codes > 0x10FFFF)
    return tf.where(invalid, _INVALID, codes)
