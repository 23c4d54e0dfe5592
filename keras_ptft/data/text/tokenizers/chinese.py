"""Chinese words, found with jieba."""

import functools
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from keras_ptft.data.text.normalize.clean import normalize
from keras_ptft.data.text.tokenizers.characters import join
from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.errors import UserError

# jieba takes time quadratic in the length of its input
_PART = re.compile(r"(?s).{0,4999}\W|.{1,5000}")


def jieba(
    *,
    lower: bool = True,
    clean: bool = True,
    vocabulary_size: int = 20_000,
    min_count: int = 1,
) -> Scheme:
    """Chinese words by jieba's dictionary; not in an exported graph.

    Needs the package `jieba`, in preparation and wherever raw text is
    predicted. An export takes tokens.

    Args:
        lower: convert to lower case.
        clean: remove HTML, control characters and variants of spelling.
        vocabulary_size: most tokens to keep, with the 4 special ones.
        min_count: how often a word must occur to be kept.
    """
    segmenter = _segmenter(_library())

    def split(texts: tf.Tensor) -> tf.RaggedTensor:
        if not tf.executing_eagerly():
            raise UserError(
                "jieba must be called on eager texts, got those of a graph, "
                "where it cannot run: use --tokenizer=characters."
            )
        texts = normalize(texts, cleaned=clean, lowered=lower)
        found = [
            [word for word in _cut(segmenter, text.decode()) if word.strip()]
            for text in texts.numpy()
        ]
        flat = [word.encode() for words in found for word in words]
        return tf.RaggedTensor.from_row_lengths(
            tf.constant(flat, tf.string), [len(words) for words in found]
        )

    return Scheme(
        split=split,
        join=join,
        vocabulary_size=vocabulary_size,
        min_count=min_count,
        in_graph=False,
    )


def _cut(segmenter: Any, text: str) -> Iterator[str]:
    for part in _PART.findall(text):
        yield from segmenter.lcut(part)


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            # jieba's escapes and use of pkg_resources are of an older Python
            warnings.simplefilter("ignore")
            import jieba as library
    except ImportError:
        raise UserError(
            "--tokenizer=jieba must have the package jieba, but it is not "
            'installed: pip install "keras_ptft[zh]", or use '
            "--tokenizer=characters."
        ) from None
    return library


@functools.cache
def _segmenter(library: Any) -> Any:
    library.setLogLevel(logging.WARNING)
    return library.Tokenizer()
