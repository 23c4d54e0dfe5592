"""Bags of words: the mean of vectors."""

import keras
from keras import layers

from keras_ptft.errors import check_each, check_range
from keras_ptft.models import tokens
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.mlp import dense_block


def embedding(
    given: BackboneInput,
    /,
    *,
    width: int = 64,
    pool: str = "mean",
    hidden: tuple[int, ...] = (),
    dropout: float = 0.0,
) -> keras.Model:
    """The mean or maximum of token vectors over a text.

    A bag of words, as trained by CBOW (Mikolov et al. 2013, "Efficient
    Estimation of Word Representations in Vector Space") and, with n-grams,
    by fastText.

    Args:
        given: one text, as ids of its tokens.
        width: of a token's vector.
        pool: "mean" or "max" of the vectors.
        hidden: units of dense layers with ReLU on the pooled vector.
        dropout: rate on the pooled vector and between the dense layers.

    Returns:
        Model "backbone" from ids to features of shape (batch, width) or
        (batch, hidden[-1]), with the cut points embedding, sequence, with
        `hidden` also pooled, dense1, ..., and features.

    Raises:
        UserError: not a text, or a setting out of its range.

    Example:

    >>> import tensorflow as tf
    >>> text = tf.TensorSpec((None,), tf.int32, "tokens")
    >>> given = BackboneInput(text, vocabulary_size=1000)
    >>> embedding(given, width=16, hidden=[8]).count_params()
    16136
    """
    tokens.check_choice("pool", pool, ("mean", "max"))
    check_range("dropout", dropout, 0.0, 0.99)
    ids = tokens.token_input(given)
    x = tokens.embed(ids, given.vocabulary_size, width)
    x = layers.Identity(name="sequence")(x)
    x = tokens.pool(x, tokens.real(x), pool)
    if not hidden:
        x = layers.Dropout(dropout, name="features")(x)
        return tokens.backbone(ids, x)
    check_each("hidden", hidden, 1)
    x = layers.Dropout(dropout, name="pooled")(x)
    for i, units in enumerate(hidden, 1):
        name = "features" if i == len(hidden) else f"dense{i}"
        x = dense_block(x, units, name=name)
        if dropout and i < len(hidden):
            x = layers.Dropout(dropout, name=f"dropout{i}")(x)
    return tokens.backbone(ids, x)
