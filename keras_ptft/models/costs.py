"""What a model costs: multiply-adds of each of its operations.

They are read off the TensorFlow graph that an operation is traced to, so
layers of any kind count, also those of other packages. As in papers, only
matrix products and convolutions do; all else is small beside them. One
multiply-add is two FLOPs. Of loops only those of recurrent layers count,
since the number of their steps is known.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

_CONVOLUTIONS = ("Conv2D", "Conv3D")
_TRANSPOSED = ("Conv2DBackpropInput", "Conv3DBackpropInputV2")
_PRODUCTS = ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def multiply_adds(model: keras.Model, length: int = 0) -> Counter[str]:
    """Counts the multiply-adds of inference on one example.

    Args:
        model: functional.
        length: of axes that the model leaves open, as tokens of a text.

    Returns:
        Number by the name of a layer or operation; of one that is called
        several times, of all its calls.

    Example:

    >>> inputs = keras.Input((4,))
    >>> dense = keras.layers.Dense(3, name="dense")
    >>> multiply_adds(keras.Model(inputs, dense(inputs)))
    Counter({'dense': 12})
    """
    counted: Counter[str] = Counter()

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        counted[operation.name] += _of_call(operation, args, kwargs)
        return operation(*args, **kwargs)

    inputs = keras.tree.map_structure(
        lambda x: keras.Input(
            batch_shape=(1, *(side or length for side in x.shape[1:])),
            dtype=x.dtype,
            name=x.name,
        ),
        model.input,
    )
    # on the same layers: nothing is copied but the graph
    keras.models.clone_model(
        model, inputs, clone_function=lambda layer: layer, call_function=call
    )
    return +counted


def _of_call(operation: Any, args: Any, kwargs: Any) -> int:
    """Multiply-adds of one call on symbolic tensors."""
    if isinstance(operation, keras.layers.Bidirectional):
        both = operation.forward_layer, operation.backward_layer
        return sum(_of_call(layer, args, {}) for layer in both)
    if isinstance(operation, keras.layers.RNN):
        # its loop is one node of the graph, whatever the number of steps
        return args[0].shape[1] * _of_step(operation, args[0])
    return _traced(
        lambda args, kwargs: operation(*args, **kwargs), args, kwargs
    )


def _of_step(layer: keras.layers.RNN, x: keras.KerasTensor) -> int:
    step = keras.KerasTensor((x.shape[0], *x.shape[2:]), x.dtype)
    states = layer.cell.get_initial_state(batch_size=x.shape[0])

    def run(args: Any, kwargs: Any) -> Any:
        return layer.cell(*args, **kwargs)

    return _traced(run, (step, states), {})


def _traced(
    run: Callable[[Any, Any], Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> int:
    """Multiply-adds of the graph that a call is traced to."""
    given = keras.tree.flatten((args, kwargs))
    symbolic = [isinstance(x, keras.KerasTensor) for x in given]
    specs = [
        tf.TensorSpec(x.shape, x.dtype)
        for x, is_symbolic in zip(given, symbolic, strict=True)
        if is_symbolic
    ]

    def traced(*tensors: tf.Tensor) -> Any:
        waiting = iter(tensors)
        values = [
            next(waiting) if is_symbolic else x
            for x, is_symbolic in zip(given, symbolic, strict=True)
        ]
        return run(*keras.tree.pack_sequence_as((args, kwargs), values))

    function = tf.function(traced, autograph=False)
    graph = function.get_concrete_function(*specs).graph
    return sum(map(_of_node, _nodes(graph)))


def _nodes(graph: tf.Graph) -> Iterator[tf.Operation]:
    """Operations of a graph and of the functions that it calls."""
    for node in graph.get_operations():
        if node.type in _CALLS:
            # TensorFlow has no public name for the graph of a function
            function = graph._get_function(node.get_attr("f").name)
            yield from _nodes(function.graph)
        yield node


def _of_node(node: tf.Operation) -> int:
    """Multiply-adds of one operation of a graph."""
    if node.type in _CONVOLUTIONS:
        # an output is the sum over a window of the channels of its group
        window = node.inputs[1].shape[:-1]
    elif node.type == "DepthwiseConv2dNative":
        window = node.inputs[1].shape[:-2]
    elif node.type in _TRANSPOSED:
        # each number of the input goes to a window of all output channels
        return math.prod(node.inputs[2].shape + node.inputs[1].shape[:-1])
    elif node.type == "MatMul":
        axis = 0 if node.get_attr("transpose_a") else 1
        window = [node.inputs[0].shape[axis]]
    elif node.type in _PRODUCTS:
        axis = -2 if node.get_attr("adj_x") else -1
        window = [node.inputs[0].shape[axis]]
    elif node.type == "Einsum":
        return _of_einsum(node)
    else:
        return 0
    return math.prod(node.outputs[0].shape) * math.prod(window)


def _of_einsum(node: tf.Operation) -> int:
    """One multiply-add for each value of all indices, if there are products."""
    if len(node.inputs) < 2:
        return 0
    equation = node.get_attr("equation").decode().partition("->")[0]
    sides: dict[str, int] = {}
    for indices, x in zip(equation.split(","), node.inputs, strict=True):
        axes = _axes(indices, x.shape.rank)
        for index, side in zip(axes, x.shape, strict=True):
            # a side of 1 is broadcast along an ellipsis
            sides[index] = max(sides.get(index, 1), side)
    return math.prod(sides.values())


def _axes(indices: str, rank: int) -> list[str]:
    """The index of each axis; an ellipsis is numbered from its end."""
    before, ellipsis, after = indices.partition("...")
    hidden = rank - len(before) - len(after) if ellipsis else 0
    return [*before, *map(str, range(hidden, 0, -1)), *after]
