"""Multilayer perceptrons: one builder, several rows of BACKBONES."""

import keras
import tensorflow as tf

from keras_ptft.errors import check_each, check_range
from keras_ptft.models.normalization import Moments, preprocess


def mlp(
    spec: tf.TensorSpec,
    scaling: Moments,
    /,
    *,
    hidden: tuple[int, ...] = (128, 64),
    dropout: float = 0.0,
    l2: float = 0.0,
) -> keras.Model:
    """Dense layers with ReLU on the flattened input.

    Args:
        spec: one input, of any shape.
        scaling: mean and variance of the input (see `normalization`).
        hidden: units of each layer; the last one gives the features.
        dropout: rate between the layers.
        l2: weight decay of the kernels, added to the loss.

    Returns:
        Model "backbone" from raw input to features of shape
        (batch, hidden[-1]), with the cut points dense1, ..., features.

    Raises:
        UserError: a setting out of its range.

    Example:

    >>> import numpy as np
    >>> image = tf.TensorSpec((28, 28, 1), tf.uint8, "image")
    >>> mlp(image, (np.zeros(1), np.ones(1))).count_params()
    108736
    """
    check_each("hidden", hidden, 1)
    check_range("dropout", dropout, 0.0, 0.99)
    check_range("l2", l2, 0.0)
    inputs, x = preprocess(spec, scaling)
    regularizer = keras.regularizers.L2(l2) if l2 else None
    x = keras.layers.Flatten(name="flatten")(x)
    for i, units in enumerate(hidden, 1):
        last = i == len(hidden)
        name = "features" if last else f"dense{i}"
        x = dense_block(x, units, name=name, regularizer=regularizer)
        if dropout and not last:
            x = keras.layers.Dropout(dropout, name=f"dropout{i}")(x)
    return keras.Model(inputs, x, name="backbone")


def dense_block(
    x: keras.KerasTensor,
    units: int,
    *,
    name: str,
    regularizer: keras.regularizers.Regularizer | None,
) -> keras.KerasTensor:
    """(batch, any) → (batch, units): a dense layer, then ReLU as `name`."""
    x = keras.layers.Dense(
        units, kernel_regularizer=regularizer, name=f"{name}_dense"
    )(x)
    return keras.layers.ReLU(name=name)(x)
