"""The part of a backbone that an objective reads."""

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models.backbone_input import OTHER_BACKBONE
from keras_ptft.models.structure import (
    input_spec,
    input_tensors,
    output_tensors,
)

FEATURE_LAYERS = ("features", "sequence", "embedding")
"""What an objective can read of a backbone.

"features": its output, one vector an example; every backbone has it.
"sequence": the last layer with one vector a token, zeros where padded.
"embedding": the layer with the vector of each token by itself.
"""

_LENGTH = 8


def feature_model(backbone: keras.Model, feature_layer: str) -> keras.Model:
    """Cuts off what follows a feature layer; variables are shared.

    Args:
        backbone: functional; of several outputs, "features" is the one of
            that name.
        feature_layer: one of `FEATURE_LAYERS`.

    Returns:
        Model "backbone" from the backbone's inputs to that layer's output.

    Raises:
        UserError: the backbone has no such layer.
    """
    outputs = output_tensors(backbone)
    if feature_layer == "features" and not isinstance(outputs, dict):
        return backbone
    layers = {layer.name: layer for layer in backbone.layers}
    if isinstance(outputs, dict) and feature_layer in outputs:
        features = outputs[feature_layer]
    elif feature_layer in layers:
        features = layers[feature_layer].output
    else:
        raise UserError(
            f"This objective reads the layer {feature_layer!r}, which the "
            f"backbone does not have: {OTHER_BACKBONE}."
        )
    return keras.Model(input_tensors(backbone), features, name="backbone")


def check_causal(model: keras.Model) -> None:
    """Raises a UserError if features of a token depend on later tokens.

    Args:
        model: ids of shape (batch, tokens[, n]) → (batch, tokens, any);
            further inputs may be named.
    """
    first = keras.tree.map_structure(_ones, input_spec(model))
    second = keras.tree.map_structure(np.copy, first)
    for ids in keras.tree.flatten(second):
        ids[:, -1] = 2
    before, after = (
        keras.ops.convert_to_numpy(model(inputs, training=False)[:, :-1])
        for inputs in (first, second)
    )
    if not np.allclose(before, after, atol=1e-5):
        raise UserError(
            "This objective needs a backbone that does not look ahead: use "
            "one that reads in one direction, as transformer(causal=True)."
        )


def _ones(spec: tf.TensorSpec) -> np.ndarray:
    shape = [side or _LENGTH for side in spec.shape]
    return np.ones((1, *shape), spec.dtype.as_numpy_dtype)
