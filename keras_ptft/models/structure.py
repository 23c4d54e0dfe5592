"""The inputs and outputs of a functional model: one tensor, or a dict."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import keras
import tensorflow as tf

InputSpec: TypeAlias = tf.TensorSpec | Mapping[str, tf.TensorSpec]
"""One example's input without the batch axis; of several inputs, by name."""

Tensors: TypeAlias = keras.KerasTensor | dict[str, keras.KerasTensor]


def input_spec(model: keras.Model) -> InputSpec:
    """Returns what one example of a model's input looks like.

    Args:
        model: functional, with one input, or several in a dict.

    Returns:
        A TensorSpec without the batch axis, or a dict of them by name.

    Example:

    >>> left, right = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    >>> outputs = keras.layers.Concatenate()([left, right])
    >>> spec = input_spec(keras.Model({"a": left, "b": right}, outputs))
    >>> spec["b"]
    TensorSpec(shape=(3,), dtype=tf.float32, name='b')
    """
    tensors = input_tensors(model)
    if isinstance(tensors, dict):
        return {name: _spec(tensor, name) for name, tensor in tensors.items()}
    return _spec(tensors, tensors.name)


def input_tensors(model: keras.Model) -> Tensors:
    """Returns a model's input, or a dict of its inputs by name.

    Raises:
        ValueError: several inputs without names.
    """
    return _one_or_named(model.input)


def output_tensors(model: keras.Model) -> Tensors:
    """Returns a model's output, or a dict of its outputs by name.

    Raises:
        ValueError: several outputs without names.
    """
    return _one_or_named(model.output)


def named_inputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Returns a model's inputs by name, also where there is only one."""
    tensors = input_tensors(model)
    return tensors if isinstance(tensors, dict) else {tensors.name: tensors}


def _one_or_named(structure: Any) -> Tensors:
    tensors = keras.tree.flatten(structure)
    if isinstance(structure, dict) and len(tensors) == len(structure):
        return dict(structure)
    if len(tensors) != 1:
        raise ValueError(f"{len(tensors)} tensors without names")
    return tensors[0]


def _spec(tensor: keras.KerasTensor, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(tensor.shape[1:], tensor.dtype, name)
