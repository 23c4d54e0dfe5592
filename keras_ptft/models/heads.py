"""Layers that stand on a backbone's features."""

from collections.abc import Callable

import keras

from keras_ptft.models.feature_model import feature_model

Head = Callable[[keras.KerasTensor], keras.KerasTensor]


def on(backbone: keras.Model, layer_name: str, head: Head) -> keras.Model:
    """A backbone and a head on one of its layers, as one functional model.

    Args:
        backbone: functional, with one input.
        layer_name: "features", its output, or "sequence", the layer of that
            name.
        head: output of that layer → outputs.
    """
    outputs = head(feature_model(backbone, layer_name).outputs[0])
    return keras.Model(backbone.inputs[0], outputs, name="model")


def classify(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """(batch, width) → float32 logits of shape (batch, classes).

    The logits are float32 under mixed precision too, where half precision
    would cost accuracy in the softmax.
    """
    layer = keras.layers.Dense(classes, dtype="float32", name="logits")
    return layer(features)


def per_token(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """(batch, length, width) → float32 logits (batch, length, classes)."""
    return classify(features, classes)
