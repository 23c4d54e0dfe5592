"""Convolutions over a text."""

import keras
import tensorflow as tf
from keras import layers

from keras_ptft.errors import check_each, check_range
from keras_ptft.models import tokens


def textcnn(
    spec: tf.TensorSpec,
    size: int,
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
        spec: one text, as ids of its tokens.
        size: how many ids there are.
        width: numbers a token's vector.
        filters: filters of each convolution.
        kernels: how many tokens each convolution sees at a time.
        dropout: rate on the features.

    Returns:
        Model "backbone" from ids to features of shape
        (batch, filters * len(kernels)), with the cut points embedding,
        sequence, pooled and features.

    Raises:
        UserError: no text, or a setting out of its range.

    Example:

    >>> text = tf.TensorSpec((None,), tf.int32, "tokens")
    >>> textcnn(text, 1000, width=16, filters=4, kernels=[2]).count_params()
    16132
    """
    check_range("filters", filters, 1)
    check_each("kernels", kernels, 1)
    check_range("dropout", dropout, 0.0, 0.99)
    ids = tokens.token_input(spec)
    x = tokens.embed(ids, size, width)
    found = [
        layers.Conv1D(
            filters, side, padding="same", activation="relu", name=f"conv{i}"
        )(x)
        for i, side in enumerate(kernels, 1)
    ]
    if len(found) > 1:
        found = [layers.Concatenate(name="convolved")(found)]
    x = tokens.zero_padded(found[0], tokens.real(x), "sequence")
    # padding is 0, and no ReLU is below that
    x = layers.GlobalMaxPooling1D(name="pooled")(x)
    x = layers.Dropout(dropout, name="features")(x)
    return tokens.backbone(ids, x)
