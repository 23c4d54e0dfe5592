"""Bags of words: the mean of vectors."""

import keras
import tensorflow as tf
from keras import layers

from keras_ptft.errors import check_each, check_range
from keras_ptft.models import tokens
from keras_ptft.models.mlp import dense_block


def embedding(
    spec: tf.TensorSpec,
    size: int,
    /,
    *,
    width: int = 64,
    pool: str = "mean",
    hidden: tuple[int, ...] = (),
    dropout: float = 0.0,
) -> keras.Model:
    """A vector a token, and their mean or maximum over a text.

    The bag that CBOW trains (Mikolov et al. 2013, "Efficient Estimation of
    Word Representations in Vector Space"), and fastText with n-grams.

    Args:
        spec: one text, as ids of its tokens.
        size: how many ids there are.
        width: numbers a token's vector.
        pool: "mean" or "max" of the vectors.
        hidden: units of dense layers with ReLU on the pooled vector.
        dropout: rate on the pooled vector and between the dense layers.

    Returns:
        Model "backbone" from ids to features of shape (batch, width) or
        (batch, hidden[-1]), with the cut points embedding, sequence, with
        `hidden` also pooled, dense1, ..., and features.

    Raises:
        UserError: no text, or a setting out of its range.

    Example:

    >>> text = tf.TensorSpec((None,), tf.int32, "tokens")
    >>> embedding(text, 1000, width=16, hidden=[8]).count_params()
    16136
    """
    tokens.check_choice("pool", pool, ("mean", "max"))
    check_range("dropout", dropout, 0.0, 0.99)
    ids = tokens.token_input(spec)
    x = layers.Identity(name="sequence")(tokens.embed(ids, size, width))
    x = tokens.pool(x, tokens.real(x), pool)
    if not hidden:
        x = layers.Dropout(dropout, name="features")(x)
        return tokens.backbone(ids, x)
    check_each("hidden", hidden, 1)
    x = layers.Dropout(dropout, name="pooled")(x)
    for i, units in enumerate(hidden, 1):
        name = "features" if i == len(hidden) else f"dense{i}"
        x = dense_block(x, units, name=name, regularizer=None)
        if dropout and i < len(hidden):
            x = layers.Dropout(dropout, name=f"dropout{i}")(x)
    return tokens.backbone(ids, x)
