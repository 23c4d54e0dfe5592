"""What objectives on words have in common."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.tokenizers import SPECIAL
from keras_ptft.errors import UserError
from keras_ptft.objectives import token_losses

SPECIALS = len(SPECIAL)
"""How many ids come before those of words."""

# of 64 bits, as a signed number
_FACTOR = 0x9E3779B97F4A7C15 - 2**64

TITLES = {"accuracy": "accuracy by token"}


def check_is_text(info: DataInfo, name: str) -> None:
    """Raises a UserError unless the data are texts with known words.

    Args:
        info: what is known of the data.
        name: of the objective, as the user writes it.
    """
    if not info.is_text:
        raise UserError(
            f"Objective {name!r} learns from texts, but the data are none: "
            "choose a text --dataset, or --objective=classification."
        )
    if len(info.vocabulary) <= SPECIALS:
        raise UserError(
            f"Objective {name!r} needs at least 1 word in the vocabulary, "
            "got none: check the training texts."
        )


def first_ids(tokens: tf.Tensor) -> tf.Tensor:
    """Returns the id of each word, without those of its n-grams.

    Args:
        tokens: int32 of shape (batch, length) or (batch, length, width).

    Returns:
        int32 of shape (batch, length).
    """
    return tokens if len(tokens.shape) == 2 else tokens[..., 0]


def known(tokens: tf.Tensor) -> tf.Tensor:
    """Returns the id of each word of the vocabulary; -1 for all else.

    Example:

    >>> known(tf.constant([[7, 1, 4, 3, 0]])).numpy()
    array([[ 7, -1,  4, -1, -1]], dtype=int32)
    """
    ids = first_ids(tokens)
    return tf.where(ids >= SPECIALS, ids, -1)


def fingerprints(tokens: tf.Tensor) -> tf.Tensor:
    """Computes a number of each text that equal texts share.

    Args:
        tokens: int32 of shape (batch, length) or (batch, length, width),
            padded with 0.

    Returns:
        int64 of shape (batch,), whatever the padding; 0 of no token.

    Example:

    >>> found = fingerprints(tf.constant([[7, 4, 0], [4, 7, 0], [0, 0, 0]]))
    >>> len(set(found.numpy())), int(found[2])
    (3, 0)
    """
    ids = tf.cast(first_ids(tokens), tf.int64)
    # odd factors that differ by place, with overflow; from splitmix64
    places = tf.range(1, tf.shape(ids, tf.int64)[1] + 1, dtype=tf.int64)
    factors = 2 * places * _FACTOR + 1
    mixed = ids * _FACTOR
    mixed = tf.bitwise.bitwise_xor(mixed, tf.bitwise.right_shift(mixed, 29))
    return tf.reduce_sum(mixed * factors, axis=1)


def put(tokens: tf.Tensor, where: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Replaces some words by others, which have no n-grams.

    Args:
        tokens: int32 of shape (batch, length) or (batch, length, width).
        where: bool of shape (batch, length).
        ids: int32 of shape (batch, length), the other words.

    Returns:
        int32 of the shape of `tokens`.
    """
    if tokens.shape.rank == 2:
        return tf.where(where, ids, tokens)
    rest = tf.zeros_like(tokens[..., 1:])
    words = tf.concat([ids[..., None], rest], 2)
    return tf.where(where[..., None], words, tokens)


def metrics() -> list[keras.metrics.Metric]:
    """Makes the accuracy over all tokens that are counted."""
    wrapper = keras.metrics.MeanMetricWrapper
    return [wrapper(token_losses.accuracy, name="accuracy")]


def with_perplexity(found: dict[str, Any]) -> dict[str, Any]:
    """Adds the perplexity, the exponential of the loss in nats per token.

    Args:
        found: metrics of a model that predicts tokens.

    Example:

    >>> with_perplexity({"loss": 0.0})
    {'loss': 0.0, 'perplexity': 1.0}
    """
    # a loss beyond 700 would be infinite, which JSON cannot hold
    return found | {"perplexity": float(np.exp(min(found["loss"], 700.0)))}


def frequencies(info: DataInfo) -> np.ndarray:
    """Computes how frequent each word is among all that are not special.

    Args:
        info: of texts.

    Returns:
        float64 of shape (vocabulary,), 0 for specials, with sum 1.

    Raises:
        UserError: the training texts hold no word of the vocabulary.
    """
    counts = np.zeros(len(info.vocabulary))
    counts[SPECIALS:] = info.counts[SPECIALS : len(counts)]
    if not counts.any():
        raise UserError(
            "Expected training texts with words of the vocabulary, got "
            "none: check --text_column and --tokenizer."
        )
    return counts / counts.sum()
