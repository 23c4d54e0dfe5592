"""Layers that stand on a backbone's features."""

import keras


def classify(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """(batch, width) → float32 logits of shape (batch, classes).

    The logits are float32 under mixed precision too, where half precision
    would cost accuracy in the softmax.
    """
    layer = keras.layers.Dense(classes, dtype="float32", name="logits")
    return layer(features)
