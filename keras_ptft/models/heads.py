"""Layers on top of a backbone's features."""

from collections.abc import Callable

import keras
from keras import layers, ops

from keras_ptft.models.feature_model import feature_model
from keras_ptft.models.structure import Tensors, input_tensors

Head = Callable[[keras.KerasTensor], Tensors]

_FIRST_LAYERS = ("logits", "standardised")


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


def features_of(model: keras.Model) -> keras.Model | None:
    """Returns the part of a model that gives what its head reads.

    Args:
        model: functional, with a head as `classify` or `estimate` make it.

    Returns:
        Model to features of shape (batch, width), which shares its variables;
        None where the head is another, or reads a vector of each token.
    """
    for layer in model.layers:
        if layer.name in _FIRST_LAYERS and len(layer.input.shape) == 2:
            return keras.Model(input_tensors(model), layer.input)
    return None


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


def tied(
    features: keras.KerasTensor, table: keras.layers.Embedding, count: int
) -> keras.KerasTensor:
    """Computes logits of tokens by the vectors that a backbone has of them.

    Press and Wolf 2017, "Using the Output Embedding to Improve Language
    Models"; with a dense layer and a normalisation before, and a bias of each
    token, as BERT has them.

    Args:
        features: (batch, tokens, width).
        table: of the backbone, with vectors of that width.
        count: number of logits, those of the first ids.

    Returns:
        float32 of shape (batch, tokens, count).
    """
    dense = layers.Dense(
        features.shape[-1], activation="gelu", name="transform_dense"
    )
    norm = layers.LayerNormalization(epsilon=1e-12, name="transform_norm")
    x = norm(dense(features))
    ids = _first_ids(x, count)
    vectors = ops.cast(table(ids), "float32")
    bias = layers.Embedding(count, 1, "zeros", name="transform_bias")(ids)
    logits = ops.matmul(ops.cast(x, "float32"), ops.transpose(vectors))
    logits = logits + ops.cast(bias[:, 0], "float32")
    return layers.Identity(dtype="float32", name="logits")(logits)


def _first_ids(x: keras.KerasTensor, count: int) -> keras.KerasTensor:
    """The ids from 0 on, as a functional model can compute and save them."""
    # a graph begins at its inputs: also one that is cut here
    zero = ops.cast(ops.sum(ops.zeros_like(x[:1, :1, :1])), "float32")
    ids = ops.linspace(zero, zero + (count - 1), count)
    return ops.cast(ops.round(ids), "int32")


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
