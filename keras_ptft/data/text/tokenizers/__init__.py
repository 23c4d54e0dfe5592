"""How texts become ids of tokens, and ids text."""

from keras_ptft.data.text.tokenizers.learning import learn
from keras_ptft.data.text.tokenizers.tokenizer import TOKENIZERS, Tokenizer
from keras_ptft.data.text.tokenizers.vocabulary import (
    END,
    MASK,
    PAD,
    SPECIAL,
    UNKNOWN,
)

__all__ = [
    "END",
    "MASK",
    "PAD",
    "SPECIAL",
    "TOKENIZERS",
    "UNKNOWN",
    "Tokenizer",
    "learn",
]
