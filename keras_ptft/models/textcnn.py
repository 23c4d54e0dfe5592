"""Convolutions over a text."""

import keras
from keras import layers

from keras_ptft.errors import check_each, check_range
from keras_ptft.models import tokens
from keras_ptft.models.backbone_input import BackboneInput


def textcnn(
    given: BackboneInput,
    /,
    *,
    width: int = 128,
    filters: int = 100,
    kernels: tuple[int, ...] = (3, 4, 5),
    dropout: float = 0.5,
) -> keras.Model:
    """Convolutions of several widths, and the maximum of each over a text.

    Kim 2014, "Convolutional Neural Networks for Sentence Classification".

    Args:
        given: one text, as ids of its tokens.
        width: of a token's vector.
        filters: filters of each convolution.
        kernels: width of each convolution in tokens.
        dropout: rate on the features.

    Returns:
        Model "backbone" from ids to features of shape
        (batch, filters * len(kernels)), with the cut points embedding,
        sequence, pooled and features.

    Raises:
        UserError: not a text, or a setting out of its range.

    Example:

    >>> import tensorflow as tf
    >>> text = tf.TensorSpec((None,), tf.int32, "tokens")
    >>> given = BackboneInput(text, vocabulary_size=1000)
    >>> textcnn(given, width=16, filters=4, kernels=[2]).count_params()
    16132
    """
    check_range("filters", filters, 1)
    check_each("kernels", kernels, 1)
    check_range("dropout", dropout, 0.0, 0.99)
    ids = tokens.token_input(given)
    x = tokens.embed(ids, given.vocabulary_size, width)
    branches = [
        layers.Conv1D(
            filters, side, padding="same", activation="relu", name=f"conv{i}"
        )(x)
        for i, side in enumerate(kernels, 1)
    ]
    if len(branches) > 1:
        branches = [layers.Concatenate(name="convolved")(branches)]
    x = tokens.zero_padded(branches[0], tokens.real(x), "sequence")
    # padding is 0, and ReLU is nowhere below that
    x = layers.GlobalMaxPooling1D(name="pooled")(x)
    x = layers.Dropout(dropout, name="features")(x)
    return tokens.backbone(ids, x)
