"""Activations that are computed again on the way back, not kept.

Marks in a model, layers that change nothing, say where. They are saved with
the model. Keras's own `RematScope` is lost with a saved model, and with
TensorFlow fails in a graph for every layer that is told whether it trains.
"""

import itertools
from collections.abc import Callable
from functools import partial

import keras
import tensorflow as tf

_MARK = "rematerialize"


def mark(x: keras.KerasTensor, number: int) -> keras.KerasTensor:
    """Marks a tensor through which all data pass, counted from 0."""
    return keras.layers.Identity(name=f"{_MARK}{number}")(x)


def forward_of(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """A model's forward pass in training.

    Between two marks no activation is kept: it is computed again, by the
    same random numbers, when gradients are (Chen et al. 2016, "Training Deep
    Nets with Sublinear Memory Cost").

    Args:
        model: functional, with one input and one output.

    Returns:
        inputs → outputs, with the variables of the model.
    """
    names = [layer.name for layer in model.layers]
    if sum(name.startswith(_MARK) for name in names) < 2:
        return partial(model, training=True)
    copy, marks = _marked(model)
    inputs = copy.inputs[0]
    first = keras.Model(inputs, marks[0])
    parts = [keras.Model(*ends) for ends in itertools.pairwise(marks)]
    # a head may read the input too
    last = keras.Model([inputs, marks[-1]], copy.outputs[0])

    def forward(inputs: tf.Tensor) -> tf.Tensor:
        x = first(inputs, training=True)
        for part in parts:
            x = _recomputed(part, x)
        return last([inputs, x], training=True)

    return forward


def _marked(model: keras.Model) -> tuple[keras.Model, list]:
    """The model once more, on the same layers, and its marked tensors."""
    marks = []

    def call(operation, *args, **kwargs):
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
    def run(x, *weights):
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
