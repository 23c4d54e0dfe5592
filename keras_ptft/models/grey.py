"""Grey images for a model of colour images."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.models.structure import InputSpec, input_spec

_LAYER = "grey_to_color"
_COLORS = 3


def in_color(model: keras.Model, spec: InputSpec) -> InputSpec:
    """Returns the spec of grey images in colour, where a model takes colour.

    Args:
        model: functional.
        spec: of one example, without the batch axis.

    Returns:
        The spec with three channels; the same one where the data are not
        grey images, or the model takes something else.
    """
    theirs = input_spec(model)
    if not isinstance(theirs, tf.TensorSpec) or isinstance(spec, Mapping):
        return spec
    if (theirs.shape.rank, spec.shape.rank) != (3, 3):
        return spec
    if (theirs.shape[-1], spec.shape[-1]) != (_COLORS, 1):
        return spec
    return tf.TensorSpec((*spec.shape[:2], _COLORS), spec.dtype, spec.name)


def for_grey(model: keras.Model) -> keras.Model:
    """Builds a model of colour images again, for grey ones.

    The grey channel is repeated inside of the model, so that an export takes
    images as the data have them.

    Args:
        model: functional, with one input (height, width, 3).

    Returns:
        A model of the same layers with new random weights, which takes
        (height, width, 1).

    Example:

    >>> image = keras.Input((4, 4, 3), dtype="uint8", name="image")
    >>> pixels = keras.layers.Rescaling(1 / 255, name="scaled")(image)
    >>> grey = for_grey(keras.Model(image, pixels))
    >>> grey.input_shape, [layer.name for layer in grey.layers]
    ((None, 4, 4, 1), ['image', 'grey_to_color', 'scaled'])
    """
    config = model.get_config()
    name = model.inputs[0].name
    for layer in config["layers"]:
        layer["inbound_nodes"] = _renamed(layer["inbound_nodes"], name)
        if layer["name"] == name:
            *sides, _ = layer["config"]["batch_shape"]
            layer["config"]["batch_shape"] = [*sides, 1]
    inputs = keras.Input(
        (*model.input_shape[1:-1], 1), dtype=model.inputs[0].dtype, name=name
    )
    repeat = keras.layers.Concatenate(name=_LAYER)
    repeated = keras.Model(inputs, repeat([inputs] * _COLORS))
    config["layers"] += [
        layer
        for layer in repeated.get_config()["layers"]
        if layer["name"] == _LAYER
    ]
    return model.__class__.from_config(config)


def _renamed(nodes: Any, name: str) -> Any:
    """Nodes that read the layer that repeats in place of the input."""
    if isinstance(nodes, (list, tuple)):
        if list(nodes) == [name, 0, 0]:
            return [_LAYER, 0, 0]
        return type(nodes)(_renamed(part, name) for part in nodes)
    if isinstance(nodes, dict):
        return {key: _renamed(part, name) for key, part in nodes.items()}
    return nodes
