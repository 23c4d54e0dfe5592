"""The table of tokenizers."""

from collections.abc import Callable

from keras_ptft.data.text.tokenizers.characters import characters
from keras_ptft.data.text.tokenizers.chinese import jieba
from keras_ptft.data.text.tokenizers.scheme import Scheme
from keras_ptft.data.text.tokenizers.subwords import subwords
from keras_ptft.data.text.tokenizers.words import words

TOKENIZERS: dict[str, Callable[..., Scheme]] = {
    "words": words,
    "characters": characters,
    "subwords": subwords,
    "jieba": jieba,
}
