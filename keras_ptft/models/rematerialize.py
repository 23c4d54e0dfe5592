"""Activations that are recomputed in the backward pass instead of kept.

Marks, layers that change nothing, say where in a model. They are saved with
it. Keras's own `RematScope` is lost when a model is saved, and with
TensorFlow fails in a graph for every layer that takes `training`.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.models.structure import input_tensors, output_tensors

_MARK = "rematerialize"


def mark(x: keras.KerasTensor, index: int) -> keras.KerasTensor:
    """Marks a tensor that all data pass through; `index` counts from 0."""
    return keras.layers.Identity(name=f"{_MARK}{index}")(x)


def forward_of(model: keras.Model) -> Callable[[Any], Any]:
    """Returns a model's forward pass in training.

    Between two marks no activation is kept: it is recomputed with the same
    random numbers for the gradients (Chen et al. 2016, "Training Deep Nets
    with Sublinear Memory Cost").

    Args:
        model: functional.

    Returns:
        inputs → outputs, with the variables of the model.
    """
    names = [layer.name for layer in model.layers]
    if sum(name.startswith(_MARK) for name in names) < 2:
        return partial(model, training=True)
    copy, marks = _marked(model)
    first = keras.Model(input_tensors(copy), marks[0])
    parts = [keras.Model(*ends) for ends in itertools.pairwise(marks)]
    # a head may read the inputs too
    last = keras.Model([*copy.inputs, marks[-1]], output_tensors(copy))

    def forward(inputs: Any) -> Any:
        x = first(inputs, training=True)
        for part in parts:
            x = _recomputed(part, x)
        return last([*keras.tree.flatten(inputs), x], training=True)

    return forward


def _marked(
    model: keras.Model,
) -> tuple[keras.Model, list[keras.KerasTensor]]:
    """A second graph on the same layers, and its marked tensors."""
    marks = []

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = operation(*args, **kwargs)
        if operation.name.startswith(_MARK):
            marks.append(outputs)
        return outputs

    copy = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=call
    )
    return copy, marks


def _recomputed(part: keras.Model, x: tf.Tensor) -> tf.Tensor:
    """The part's outputs; its states advance once, as in a plain call."""
    states = [
        tf.convert_to_tensor(v.value) for v in part.non_trainable_variables
    ]
    advanced = []

    @tf.recompute_grad
    def run(x: tf.Tensor, *weights: tf.Tensor) -> tf.Tensor:
        outputs, after = part.stateless_call(weights, states, x, training=True)
        advanced.append(after)
        return outputs

    weights = [tf.convert_to_tensor(v.value) for v in part.trainable_variables]
    outputs = run(x, *weights)
    for variable, value in zip(
        part.non_trainable_variables, advanced[0], strict=True
    ):
        variable.assign(value)
    return outputs
