"""Words: runs of letters and digits, and every other sign by itself."""

from collections.abc import Callable

import tensorflow as tf

from keras_ptft.data.text.normalize.clean import normalize
from keras_ptft.data.text.tokenizers.ngrams import Ngrams
from keras_ptft.data.text.tokenizers.scheme import Scheme

Split = Callable[[tf.Tensor], tf.RaggedTensor]

# Letters with their marks (such as the vowel signs of Devanagari), digits,
# and the joiners of Persian and Indic scripts; an apostrophe between letters.
_RUN = r"[\p{L}\p{N}\p{M}\x{200c}\x{200d}]+"
_WORD = rf"[\p{{L}}\p{{N}}]{_RUN[:-1]}*(?:['’]{_RUN})*"
# A flag is two letters of its own; an emoji comes with its skin colour, its
# variation selector, and the emoji joined to it.
_FLAG = r"[\x{1f1e6}-\x{1f1ff}]{2}"
_SIGN = r"[^\p{L}\p{N}\p{M}\p{Z}\p{Cc}\s]"
_ADDED = r"[\p{M}\x{1f3fb}-\x{1f3ff}\x{e0020}-\x{e007f}]*"
_EMOJI = rf"{_SIGN}{_ADDED}(?:\x{{200d}}{_SIGN}{_ADDED})*"
_TOKEN = rf"{_WORD}|{_FLAG}|{_EMOJI}|\p{{M}}+"
_BLANK = r"[\s\p{Z}\p{Cc}]+"


def words(
    *,
    lower: bool = True,
    clean: bool = True,
    vocabulary_size: int = 20_000,
    min_count: int = 1,
    ngrams: tuple[int, ...] = (),
    buckets: int = 20_000,
) -> Scheme:
    """Words of letters and digits; each punctuation mark or emoji is one too.

    For languages that put spaces between words; for Chinese, Japanese or
    Thai use `characters`. With n-grams a word is also known by its parts,
    which helps with rare and misspelt ones: "Enriching Word Vectors with
    Subword Information", Bojanowski et al. 2017 (fastText).

    Args:
        lower: convert to lower case.
        clean: remove HTML, control characters and variants of spelling.
        vocabulary_size: most tokens to keep, with the 4 special ones.
        min_count: how often a word must occur to be kept.
        ngrams: the least and the most characters of n-grams, such as
            (3, 5); empty: none.
        buckets: how many ids the n-grams share.
    """
    return Scheme(
        split=splitter(clean, lower),
        join=" ".join,
        vocabulary_size=vocabulary_size,
        min_count=min_count,
        ngrams=Ngrams(ngrams, buckets) if ngrams else None,
    )


def splitter(clean: bool, lower: bool, alone: str = "") -> Split:
    """Returns a function that splits texts into words, ragged.

    Args:
        clean: see `words`.
        lower: see `words`.
        alone: regular expression of what is a word even between letters.
    """

    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        texts = normalize(texts, cleaned=clean, lowered=lower)
        texts = tf.strings.regex_replace(texts, _BLANK, " ")
        if alone:
            texts = tf.strings.regex_replace(texts, alone, r" \0 ")
        texts = tf.strings.regex_replace(texts, _TOKEN, r"\0 ")
        return tf.strings.split(texts)

    return split
