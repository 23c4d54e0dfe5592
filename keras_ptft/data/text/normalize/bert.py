"""BERT's words: Chinese characters and punctuation apart, without accents.

"BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding", Devlin et al. 2019. Equals, for any string, what the
`tokenizers` package 0.23 does, whose tables are of several versions of
Unicode: categories of 8.0, combining classes of 9.0, and lower case of 17.0.
So nothing here depends on which version Python has, from 3.10 on.
"""

import functools
import unicodedata

import numpy as np
import tensorflow as tf

from keras_ptft.data.text.normalize.clean import to_utf8
from keras_ptft.data.text.normalize.code_points import (
    CODES,
    Codes,
    Table,
    change_some,
    expand,
    is_ascii,
    on_codes,
    table,
)
from keras_ptft.data.text.normalize.composition import reorder
from keras_ptft.data.text.normalize.string_table import find, sorted_table
from keras_ptft.data.text.normalize.unicode_8 import (
    MARKS,
    OTHER,
    PUNCTUATION,
    members,
    pattern,
)

_BLANK = pattern("9-a d 20 a0 1680 2000-200a 2028-2029 202f 205f 3000")
# U+FFFD stands for bytes that were no UTF-8
_REMOVED = pattern(f"{OTHER} fffd")
# 2b920 is the package's, where Unicode and the paper's code have 2b820
_CHINESE = pattern(
    "3400-4dbf 4e00-9fff f900-faff 20000-2a6df 2a700-2b81f 2b920-2ceaf "
    "2f800-2fa1f"
)
_APART = pattern(f"21-2f 3a-40 5b-60 7b-7e {PUNCTUATION}")
# what decomposes beyond U+FFFF
_DECOMPOSED = (
    "1109a 1109c 110ab 1112e-1112f 1134b-1134c 114bb-114bc 114be "
    "115ba-115bb 1d15e-1d164 1d1bb-1d1c0 2f800-2fa1d"
)
# combining classes beside those of MARKS, which Python has
_CLASSES = {
    7: "11446 1e94a",
    9: "1b44 1baa 1bf2-1bf3 a953 a9c0 111c0 11235 1134d 11442 116b6 11c3f",
    216: "1d165-1d166 1d16e-1d172",
    224: "302e-302f",
    226: "1d16d",
    230: "8d4-8e1 1dfb 1e000-1e006 1e008-1e018 1e01b-1e021 1e023-1e024 "
    "1e026-1e02a 1e944-1e949",
}
# capital letters younger than Python 3.10 → the small letter of the first
_CAPITALS = {
    "1c89": 0x1C8A,
    "2c2f": 0x2C5F,
    "a7c0": 0xA7C1,
    "a7cb": 0x264,
    "a7cc": 0xA7CD,
    "a7ce": 0xA7CF,
    "a7d0": 0xA7D1,
    "a7d2": 0xA7D3,
    "a7d4": 0xA7D5,
    "a7d6": 0xA7D7,
    "a7d8": 0xA7D9,
    "a7da": 0xA7DB,
    "a7dc": 0x19B,
    "10570-1057a": 0x10597,
    "1057c-1058a": 0x105A3,
    "1058c-10592": 0x105B3,
    "10594-10595": 0x105BB,
    "10d50-10d65": 0x10D70,
    "16ea0-16eb8": 0x16EBB,
}


def bert_words(texts: tf.Tensor, *, lowered: bool) -> tf.RaggedTensor:
    """Splits texts into words, as BERT's BasicTokenizer does.

    In turn: white space becomes spaces and control characters are removed;
    Chinese characters are set apart; if `lowered`, letters lose their
    accents and become lower case; punctuation is set apart.

    Args:
        texts: strings of any bytes, of shape (batch,).
        lowered: whether the model is "uncased".

    Returns:
        Strings of shape (batch, None), none of them empty.

    Example:

    >>> words = bert_words(tf.constant(["Où est-il? 北京"]), lowered=True)
    >>> [word.decode() for word in words[0].numpy()]
    ['ou', 'est', '-', 'il', '?', '北', '京']
    """
    texts = tf.strings.regex_replace(to_utf8(texts), _BLANK, " ")
    texts = tf.strings.regex_replace(texts, _REMOVED, "")
    texts = tf.strings.regex_replace(texts, _CHINESE, r" \0 ")
    if lowered:
        texts = _without_case_and_accents(texts)
    texts = tf.strings.regex_replace(texts, _APART, r" \0 ")
    return tf.strings.split(texts)


def _without_case_and_accents(texts: tf.Tensor) -> tf.Tensor:
    def change(codes: tf.Tensor, rows: tf.Tensor) -> Codes:
        codes, rows = expand(codes, rows, _decompositions())
        indices, found = find(_classes()[0], codes)
        marks = tf.where(found, tf.gather(_classes()[1], indices), 0)
        return expand(reorder(codes, rows, marks), rows, _lower_cases())

    # without an encoding this is A to Z only, in any locale
    texts = tf.strings.lower(texts)
    return change_some(~is_ascii(texts), texts, on_codes(change))


@functools.cache
def _decompositions() -> Table:
    codes = (*range(0x10000), *members(_DECOMPOSED))
    return table(codes, functools.partial(unicodedata.normalize, "NFD"))


@functools.cache
def _classes() -> tuple[np.ndarray, np.ndarray]:
    """Returns marks that may change places, and their combining classes."""
    found = {c: unicodedata.combining(chr(c)) for c in members(MARKS)}
    for mark, codes in _CLASSES.items():
        found |= dict.fromkeys(members(codes), mark)
    return sorted_table(found, np.int32)


@functools.cache
def _lower_cases() -> Table:
    """Returns what is lowered, and what is removed."""
    removed = set(members(MARKS))
    small = {
        chr(capital): chr(first + index)
        for capitals, first in _CAPITALS.items()
        for index, capital in enumerate(members(capitals))
    }

    def changed(character: str) -> str:
        if ord(character) in removed:
            return ""
        return small.get(character, character.lower())

    return table(sorted({*CODES, *removed}), changed)
