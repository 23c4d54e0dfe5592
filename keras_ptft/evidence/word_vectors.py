"""The vectors that a model has for the words of its vocabulary."""

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.tokenizers import SPECIAL, Tokenizer
from keras_ptft.evidence.neighbours import token_vectors


def word_vectors(backbone: keras.Model, tokenizer: Tokenizer) -> np.ndarray:
    """A vector of each word of the vocabulary, its n-grams' among it.

    Args:
        backbone: of texts, with the layer "embedding".
        tokenizer: whose vocabulary it is.

    Returns:
        float32 of shape (vocabulary, width).
    """
    return token_vectors(backbone, word_rows(tokenizer))


def word_rows(tokenizer: Tokenizer) -> np.ndarray:
    """The ids of each word of a vocabulary.

    Args:
        tokenizer: whose vocabulary it is.

    Returns:
        int32 of shape (vocabulary,) or, where a token has n ids,
        (vocabulary, n).
    """
    own = np.arange(len(tokenizer.vocabulary), dtype=np.int32)
    if tokenizer.width == 1:
        return own
    rows = np.zeros((len(own), tokenizer.width), np.int32)
    rows[:, 0] = own
    first = len(SPECIAL)
    read = tokenizer(tf.constant(tokenizer.vocabulary[first:]))
    alone = read.row_lengths().numpy() == 1
    kept = tf.ragged.boolean_mask(read, alone)
    rows[first:][alone] = kept.flat_values.numpy()
    return rows
