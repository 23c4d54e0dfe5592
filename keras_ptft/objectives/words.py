"""What objectives on words have in common."""

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.text.tokenizers import SPECIAL
from keras_ptft.errors import UserError
from keras_ptft.objectives import token_losses
from keras_ptft.objectives.objective import Task

# how many ids stand before those of words
SPECIALS = len(SPECIAL)


def check(task: Task, name: str) -> None:
    """Raises a UserError unless a task is of texts.

    Args:
        task: what the objective is told.
        name: of the objective.
    """
    if not task.vocabulary:
        raise UserError(
            f"Objective {name!r} learns from texts, but the data are none: "
            "choose a text --dataset, or --objective=classification."
        )
    if len(task.vocabulary) <= SPECIALS:
        raise UserError(
            f"Objective {name!r} needs at least 1 word in the vocabulary, "
            "got none: check the training texts."
        )


def first_ids(tokens: tf.Tensor) -> tf.Tensor:
    """The id of each word, without those of its n-grams.

    Args:
        tokens: int32 of shape (batch, length) or (batch, length, width).

    Returns:
        int32 of shape (batch, length).
    """
    return tokens if tokens.shape.rank == 2 else tokens[..., 0]


def known(tokens: tf.Tensor) -> tf.Tensor:
    """The id of each word of the vocabulary; -1 for all else.

    Example:

    >>> known(tf.constant([[7, 1, 4, 3, 0]])).numpy()
    array([[ 7, -1,  4, -1, -1]], dtype=int32)
    """
    ids = first_ids(tokens)
    return tf.where(ids >= SPECIALS, ids, -1)


def put(tokens: tf.Tensor, where: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Tokens with other words, which come without n-grams, in some places.

    Args:
        tokens: int32 of shape (batch, length) or (batch, length, width).
        where: bool of shape (batch, length).
        ids: int32 of shape (batch, length), the other words.
    """
    if tokens.shape.rank == 2:
        return tf.where(where, ids, tokens)
    rest = tf.zeros_like(tokens[..., 1:])
    words = tf.concat([ids[..., None], rest], 2)
    return tf.where(where[..., None], words, tokens)


def metrics() -> list[keras.metrics.Metric]:
    """Accuracy over all tokens that are counted."""
    wrapper = keras.metrics.MeanMetricWrapper
    return [wrapper(token_losses.accuracy, name="accuracy")]


def width_of(backbone: keras.Model) -> int:
    """Ids a token that a backbone reads."""
    shape = backbone.inputs[0].shape
    return 1 if len(shape) == 2 else shape[2]


def frequencies(task: Task) -> np.ndarray:
    """How often each word stands among all that are no specials.

    Returns:
        float64 of shape (vocabulary,), 0 for specials, with sum 1.

    Raises:
        UserError: none stands anywhere.
    """
    counts = np.zeros(len(task.vocabulary))
    if task.counts is not None:
        counts[SPECIALS:] = task.counts[SPECIALS : len(counts)]
    if not counts.any():
        raise UserError(
            "Expected training texts with words of the vocabulary, got "
            "none: check --text_column and --tokenizer."
        )
    return counts / counts.sum()
