"""Characters, where words are written without spaces, or everywhere."""

from collections.abc import Sequence

import tensorflow as tf

from keras_ptft.data.text.normalize.clean import normalize
from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.words import Split, splitter

# Scripts without spaces between words, and Korean, whose words are long
# chains of endings; a letter with its marks, and the Japanese long vowel.
_SCRIPTS = "Han Hiragana Katakana Bopomofo Hangul Thai Lao Khmer Myanmar"
_LETTER = "".join(rf"\p{{{script}}}" for script in _SCRIPTS.split())
CHARACTER = rf"[{_LETTER}\x{{30fc}}]\p{{M}}*"


def characters(
    *,
    lower: bool = True,
    clean: bool = True,
    vocabulary_size: int = 20_000,
    min_count: int = 1,
    all: bool = False,
) -> Scheme:
    """Characters of Chinese and other scripts without spaces, else words.

    These scripts are Han, Hiragana, Katakana, Bopomofo, Hangul, Thai, Lao,
    Khmer and Myanmar; others are split as in `words`. To generate any text
    character by character: characters(all=True, clean=False, lower=False).

    Args:
        lower: convert to lower case.
        clean: remove HTML, control characters and variants of spelling.
        vocabulary_size: most tokens to keep, with the 4 special ones.
        min_count: how often a token must occur to be kept.
        all: make each code point of every script a token, also spaces and
            line breaks.
    """
    split = _every(clean, lower) if all else splitter(clean, lower, CHARACTER)
    return Scheme(
        split=split,
        join="".join if all else join,
        vocabulary_size=vocabulary_size,
        min_count=min_count,
    )


def join(tokens: Sequence[str]) -> str:
    """Joins tokens to text, with spaces only between words.

    Example:

    >>> join(["我", "用", "keras", "3"])
    '我用keras 3'
    """
    spaceless = tf.strings.regex_full_match(tokens, f"(?:{CHARACTER})+")
    text, before = "", True
    for token, alone in zip(tokens, spaceless.numpy().tolist(), strict=True):
        text += token if alone or before else f" {token}"
        before = alone
    return text


def _every(clean: bool, lower: bool) -> Split:
    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        texts = normalize(texts, cleaned=clean, lowered=lower)
        return tf.strings.unicode_split(texts, "UTF-8")

    return split
