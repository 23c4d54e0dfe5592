"""Batch normalisation folded into the layers before it, for inference.

What a convolution gives is scaled and shifted by batch normalisation, always
alike in inference. Scaling the kernel and shifting the bias instead gives the
same up to rounding, with a third of the operations to trace, and TensorFlow
joins convolution, bias and activation into one.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.transfer.cut import ancestors, operation_of, sources

FOLDING_VERSION = 1
"""To be raised by whatever changes a bit of what folded models give."""

# exactly these, as a subclass may compute something else
_FOLDABLE = keras.layers.Conv2D, keras.layers.DepthwiseConv2D

_Substitutes = dict[int, Callable[..., Any]]


class _Pair(NamedTuple):
    """A convolution, and the batch normalisation of what it gives."""

    convolution: keras.Layer
    normalization: keras.Layer


class _Folded(keras.Model):
    """What a functional model gives, with other functions for some layers.

    It is a model for the sake of whoever runs one. It has no variables.
    """

    def __init__(self, model: keras.Model, substitutes: _Substitutes) -> None:
        # the model itself casts its inputs
        super().__init__(name=model.name, autocast=False)
        self._compute = partial(_run, model, substitutes)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        # layers read it from the call that they are in
        del training
        return self._compute(inputs)


def folded(model: keras.Model) -> keras.Model:
    """Returns a model for inference without the batch normalisation.

    That of a convolution (`Conv2D`, `DepthwiseConv2D`) without an activation
    is folded into it where both are in float32 and called once, and nothing
    else reads what is normalised. Other layers are called as they are; so are
    models in this one that are not functional. A `Dense` layer is left alone
    too: there is little to gain, and it may pass a mask on.

    Args:
        model: functional. It does not change.

    Returns:
        A model to call with `training=False`, from the same inputs to the
        same outputs up to rounding, with the weights that `model` has now;
        or `model` itself where there is nothing to fold.

    Example:

    >>> inputs = keras.Input((5, 5, 1))
    >>> x = keras.layers.Conv2D(2, 3)(inputs)
    >>> x = keras.layers.BatchNormalization()(x)
    >>> model = keras.Model(inputs, x)
    >>> folded(model)(np.ones((4, 5, 5, 1)), training=False).shape
    TensorShape([4, 3, 3, 2])
    """
    graphs = list(_graphs(model))
    substitutes: _Substitutes = {}
    for convolution, normalization in _pairs(graphs):
        weights = _folded_weights(convolution, normalization)
        substitutes[id(convolution)] = partial(_apply, convolution, *weights)
        substitutes[id(normalization)] = _same
    if not substitutes:
        return model
    for graph in graphs[1:]:
        substitutes[id(graph)] = partial(_nested, graph, substitutes)
    with model.distribute_strategy.scope():
        return _Folded(model, substitutes)


def _graphs(model: keras.Model) -> Iterator[keras.Model]:
    """A functional model, and each one in it, once."""
    found, waiting = {}, [model]
    while waiting:
        graph = waiting.pop()
        if id(graph) not in found:
            found[id(graph)] = graph
            waiting += [x for x in graph.layers if type(x) is type(model)]
    yield from found.values()


def _pairs(graphs: list[keras.Model]) -> Iterator[_Pair]:
    tensors: list[keras.KerasTensor] = []
    read: Counter[int] = Counter()
    for graph in graphs:
        inside = ancestors(graph.outputs, graph.inputs)
        tensors += inside
        read.update(id(x) for tensor in inside for x in sources(tensor))
        read.update(map(id, graph.outputs))
    calls = Counter(id(operation_of(tensor)) for tensor in tensors)
    for tensor in tensors:
        if type(operation_of(tensor)) is keras.layers.BatchNormalization:
            normalized = sources(tensor)[0]
            pair = _Pair(operation_of(normalized), operation_of(tensor))
            once = all(calls[id(layer)] == 1 for layer in pair)
            if once and read[id(normalized)] == 1 and _is_foldable(*pair):
                yield pair


def _is_foldable(convolution: keras.Layer, normalization: keras.Layer) -> bool:
    """Whether output channels are normalised, and nothing is in between."""
    if type(convolution) not in _FOLDABLE:
        return False
    policies = convolution.dtype_policy, normalization.dtype_policy
    return (
        {policy.name for policy in policies} == {"float32"}
        and convolution.activation is keras.activations.linear
        and convolution.data_format == "channels_last"
        and normalization.axis in (-1, 3)
        # the kernel of a depthwise layer cannot be adapted
        and not getattr(convolution, "lora_enabled", False)
    )


def _folded_weights(
    convolution: keras.Layer, normalization: keras.Layer
) -> tuple[tf.Tensor, tf.Tensor]:
    """Kernel and bias, computed in float64 and rounded once."""
    variance = _numbers(normalization.moving_variance, 1.0)
    kernel = _numbers(convolution.kernel, 0.0)
    # a depthwise kernel has its output channels on two axes
    depthwise = type(convolution) is keras.layers.DepthwiseConv2D
    channels = kernel.shape[2:] if depthwise else kernel.shape[3:]
    # what is not finite shows in the outputs, where it is looked for
    with np.errstate(all="ignore"):
        scale = _numbers(normalization.gamma, 1.0)
        scale = scale / np.sqrt(variance + normalization.epsilon)
        bias = _numbers(convolution.bias, 0.0)
        bias = bias - _numbers(normalization.moving_mean, 0.0)
        bias = _numbers(normalization.beta, 0.0) + bias * scale
        kernel = kernel * scale.reshape(channels)
        # as constants of a graph they would be copied several times
        return tf.constant(kernel, tf.float32), tf.constant(bias, tf.float32)


def _numbers(variable: keras.Variable | None, default: float) -> np.ndarray:
    """A variable in float64; the default where a layer has none."""
    if variable is None:
        return np.float64(default)
    return keras.ops.convert_to_numpy(variable).astype(np.float64)


def _run(model: keras.Model, substitutes: _Substitutes, inputs: Any) -> Any:
    """What `Functional.call` does, with substitutes for some layers.

    Keras has no public name for either step.
    """

    def function(operation: keras.Operation) -> Callable[..., Any]:
        found = substitutes.get(id(operation))
        return found or partial(_in_inference, operation)

    outputs = model._run_through_graph(
        model._standardize_inputs(inputs), operation_fn=function
    )
    lone = isinstance(outputs, (list, tuple)) and len(outputs) == 1
    return outputs[0] if lone else outputs


def _in_inference(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
    # a graph may say otherwise, and is overruled, as by Keras
    if "training" in kwargs:
        kwargs["training"] = False
    return operation(*args, **kwargs)


def _nested(
    model: keras.Model, substitutes: _Substitutes, inputs: Any, **kwargs: Any
) -> Any:
    masks = keras.tree.flatten(kwargs.get("mask"))
    if any(mask is not None for mask in masks):
        return _in_inference(model, inputs, **kwargs)
    return _run(model, substitutes, inputs)


def _apply(
    convolution: keras.Layer,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    inputs: tf.Tensor,
    **kwargs: Any,
) -> tf.Tensor:
    """What a convolution gives with another kernel and bias."""
    del kwargs
    depthwise = type(convolution) is keras.layers.DepthwiseConv2D
    convolve = keras.ops.depthwise_conv if depthwise else keras.ops.conv
    outputs = convolve(
        tf.cast(inputs, tf.float32),
        kernel,
        strides=convolution.strides,
        padding=convolution.padding,
        dilation_rate=convolution.dilation_rate,
        data_format=convolution.data_format,
    )
    return tf.nn.bias_add(outputs, bias)


def _same(inputs: tf.Tensor, **kwargs: Any) -> tf.Tensor:
    del kwargs
    return inputs
