"""Examples that nobody gave, in place of private ones in an export."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.text.source import TagSource, TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import token_source
from keras_ptft.data.text.tokenizers import Tokenizer

TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Hello, world!",
    "你好，世界。",
    "It was a bright cold day in April, and the clocks were striking 13.",
    "Please tell me when the next train leaves.",
    "yes",
    "1 + 1 = 2",
    "Where can I find this, and what does it cost?",
)

_COUNT = 16


def made_up(source: Source, tokenizer: Tokenizer | None) -> Source:
    """Returns examples of the form of others, which tell nothing of these.

    Images are noise, numbers are normally distributed, and texts are the
    same few for every model. Two calls return the same.

    Args:
        source: whose form they have.
        tokenizer: what makes tokens of its texts; None: they are no texts.

    Example:

    >>> source = ArraySource(np.zeros((2, 8, 8, 1), np.uint8), [0, 1])
    >>> made_up(source, None).gather(tf.constant([3], tf.int64)).shape
    TensorShape([1, 8, 8, 1])
    """
    if tokenizer is not None:
        is_tagged = source.texts is not None and source.texts.tags is not None
        return token_source(_texts(is_tagged), tokenizer)
    rng = np.random.default_rng(0)
    spec = source.spec
    if not isinstance(spec, Mapping):
        return ArraySource(_array(spec, rng), name=spec.name)
    return ArraySource({name: _array(each, rng) for name, each in spec.items()})


def _texts(is_tagged: bool) -> Source:
    stored = in_memory(text.encode() for text in TEXTS)
    if not is_tagged:
        return TextSource(stored)
    words = [len(text.split()) for text in TEXTS]
    return TagSource(stored, [np.zeros(count, np.int32) for count in words])


def _array(spec: tf.TensorSpec, rng: np.random.Generator) -> np.ndarray:
    shape, kind = (_COUNT, *spec.shape), spec.dtype.as_numpy_dtype
    if spec.dtype.is_floating:
        return rng.standard_normal(shape).astype(kind)
    return rng.integers(0, 256 if spec.dtype == tf.uint8 else 2, shape, kind)
