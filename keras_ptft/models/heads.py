"""Layers on top of a backbone's features."""

from collections.abc import Callable

import keras

from keras_ptft.models.feature_model import feature_model
from keras_ptft.models.structure import Tensors, input_tensors

Head = Callable[[keras.KerasTensor], Tensors]


def attach_head(
    backbone: keras.Model, feature_layer: str, head: Head
) -> keras.Model:
    """Joins a backbone and a head to one functional model.

    Args:
        backbone: functional.
        feature_layer: one of `feature_model.FEATURE_LAYERS`.
        head: output of that layer → outputs.

    Returns:
        Model "model" from the backbone's inputs to the head's outputs.

    Raises:
        UserError: the backbone has no such layer.
    """
    features = feature_model(backbone, feature_layer).outputs[0]
    return keras.Model(input_tensors(backbone), head(features), name="model")


def classify(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Computes logits by a dense layer.

    They are float32 under mixed precision too, where half precision would
    cost accuracy in the softmax.

    Args:
        features: (batch, width), or (batch, tokens, width).
        classes: number of logits.

    Returns:
        float32 of shape (batch, classes), or (batch, tokens, classes).
    """
    layer = keras.layers.Dense(classes, dtype="float32", name="logits")
    return layer(features)


def estimate(
    features: keras.KerasTensor, *, mean: float, std: float
) -> keras.KerasTensor:
    """Computes a number by a dense layer, which works in standard deviations.

    It is float32 under mixed precision too, which has three digits.

    Args:
        features: (batch, width).
        mean: of the numbers in training.
        std: their standard deviation.

    Returns:
        float32 of shape (batch, 1), in the units of the numbers.
    """
    layer = keras.layers.Dense(1, dtype="float32", name="standardised")
    in_units = keras.layers.Rescaling(
        std, offset=mean, dtype="float32", name="value"
    )
    return in_units(layer(features))
