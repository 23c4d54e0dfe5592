"""Multilayer perceptrons: one builder, several rows of BACKBONES."""

from collections.abc import Sequence

import keras

from keras_ptft.errors import check_each, check_range
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.normalization import preprocess


def mlp(
    given: BackboneInput,
    /,
    *,
    hidden: tuple[int, ...] = (128, 64),
    dropout: float = 0.0,
    l2: float = 0.0,
) -> keras.Model:
    """Dense layers with ReLU on the flattened input.

    Args:
        given: one input of numbers, of any shape.
        hidden: units of each layer; the last one gives the features.
        dropout: rate between the layers.
        l2: weight decay of the kernels, added to the loss.

    Returns:
        Model "backbone" from raw input to features of shape
        (batch, hidden[-1]), with the cut points dense1, ..., features.

    Raises:
        UserError: a setting out of its range, or a text.

    Example:

    >>> import tensorflow as tf
    >>> image = tf.TensorSpec((28, 28, 1), tf.uint8, "image")
    >>> mlp(BackboneInput(image)).count_params()
    108736
    """
    check_each("hidden", hidden, 1)
    check_range("dropout", dropout, 0.0, 0.99)
    check_range("l2", l2, 0.0)
    inputs, x = preprocess(given)
    regularizer = keras.regularizers.L2(l2) if l2 else None
    x = keras.layers.Flatten(name="flatten")(x)
    x = dense_blocks(x, hidden, dropout=dropout, regularizer=regularizer)
    return keras.Model(inputs, x, name="backbone")


def dense_blocks(
    x: keras.KerasTensor,
    hidden: Sequence[int],
    *,
    dropout: float = 0.0,
    regularizer: keras.regularizers.Regularizer | None = None,
) -> keras.KerasTensor:
    """Applies dense layers with ReLU: dense1, ..., and the last, features.

    Args:
        x: (batch, any).
        hidden: units of each layer.
        dropout: rate between the layers.
        regularizer: of the kernels.

    Returns:
        (batch, hidden[-1]).
    """
    for i, units in enumerate(hidden, 1):
        last = i == len(hidden)
        name = "features" if last else f"dense{i}"
        x = dense_block(x, units, name=name, regularizer=regularizer)
        if dropout and not last:
            x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x)
    return x


def dense_block(
    x: keras.KerasTensor,
    units: int,
    *,
    name: str,
    regularizer: keras.regularizers.Regularizer | None = None,
) -> keras.KerasTensor:
    """Applies a dense layer, then ReLU as the layer `name`.

    Args:
        x: (batch, any).
        units: width of the result.
        name: of the activation, the cut point.
        regularizer: of the kernel.

    Returns:
        (batch, units).
    """
    x = keras.layers.Dense(
        units, kernel_regularizer=regularizer, name=f"{name}_dense"
    )(x)
    return keras.layers.ReLU(name=name)(x)
