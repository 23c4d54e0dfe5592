"""The vectors that a model has for the words of its vocabulary."""

import keras
import numpy as np

from keras_ptft.data.text.token_source import word_rows
from keras_ptft.data.text.tokenizers import Tokenizer
from keras_ptft.evaluation.word_neighbors import token_vectors


def word_vectors(backbone: keras.Model, tokenizer: Tokenizer) -> np.ndarray:
    """A vector of each word of the vocabulary, its n-grams' among it.

    Args:
        backbone: of texts, with the layer "embedding".
        tokenizer: whose vocabulary it is.

    Returns:
        float32 of shape (vocabulary, width).
    """
    return token_vectors(backbone, word_rows(tokenizer))
