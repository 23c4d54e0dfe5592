"""What keeps a training step from a TPU, read from its graph.

A TPU runs what XLA compiles, whole: no part of a step may be left to the
host. The graph is read before anything is sent to a TPU, whose own messages
name neither the operation nor the remedy.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.training.training_model import TrainingModel

_PYTHON = "calls Python"
_HOST = "is run by the host alone"
_SHAPE = "has an output whose shape depends on its values"
_CANNOT: dict[str, str] = {
    "PyFunc": _PYTHON,
    "PyFuncStateless": _PYTHON,
    "EagerPyFunc": _PYTHON,
    "Print": _HOST,
    "PrintV2": _HOST,
    "Timestamp": _HOST,
    "IteratorGetNext": _HOST,
    "IteratorGetNextAsOptional": _HOST,
    "LookupTableFindV2": _HOST,
    "ReadFile": _HOST,
    "DecodeImage": _HOST,
    "RandomIndexShuffle": _HOST,
    "ImageProjectiveTransformV3": _HOST,
    "RaggedRange": _SHAPE,
    "Where": _SHAPE,
    "Unique": _SHAPE,
    "UniqueV2": _SHAPE,
    "UniqueWithCounts": _SHAPE,
    "DynamicPartition": _SHAPE,
    "NonMaxSuppressionV3": _SHAPE,
}
# their inputs or outputs are strings, which no attribute of them says
_OF_STRINGS = (
    *("AsString", "Decode", "Encode", "Parse", "ReduceJoin", "Regex"),
    *("Serialize", "String", "Substr", "Unicode"),
)
# XLA leaves an assertion out, and what it would say
_LEFT_OUT = {"Assert", "Const"}
# of all faults, so many are told
_MOST = 3


def check_step(model: TrainingModel, batches: Any) -> None:
    """Refuses a training whose step a TPU cannot run.

    Args:
        model: as it will be trained.
        batches: what its strategy distributes, read where the model does not
            gather its batches itself.

    Raises:
        UserError: an operation is the host's, or a shape is open.
    """
    strategy = model.distribute_strategy
    run: Callable[[Any], tf.Tensor] = model.replica_step
    given = batches.element_spec
    if model.batch_at is not None:
        run = model.resident_step
        given = model.batch_at.choose(tf.constant(0, tf.int64))

    @partial(tf.function, autograph=False)
    def step(data: Any) -> Any:
        return strategy.run(run, args=(data,))

    if found := faults(step.get_concrete_function(given)):
        raise UserError(
            f"--strategy=tpu compiles the whole training step, and "
            f"{'; '.join(found[:_MOST])}: leave out what brings it in, or "
            "use --strategy=auto."
        )


def faults(step: tf.types.experimental.ConcreteFunction) -> list[str]:
    """Returns what of a traced step a TPU cannot run, a phrase each.

    Args:
        step: traced for a batch.
    """
    found = [*_open_shapes(step), *_operations(step)]
    return list(dict.fromkeys(found))


def _open_shapes(step: Any) -> Iterator[str]:
    """Inputs for which every new length would be compiled anew."""
    for given in step.inputs[: len(step.inputs) - len(step.captured_inputs)]:
        if not given.shape.is_fully_defined():
            yield f"an input has the open shape {given.shape}"


def _operations(step: Any) -> Iterator[str]:
    graph = step.graph.as_graph_def()
    for node in _nodes(graph):
        if reason := _CANNOT.get(node.op):
            yield f"operation {node.op} {reason}"
        elif node.op not in _LEFT_OUT and _has_strings(node):
            yield f"operation {node.op} handles strings"


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _has_strings(node: Any) -> bool:
    string = tf.string.as_datatype_enum
    return node.op.startswith(_OF_STRINGS) or any(
        value.type == string or string in value.list.type
        for value in node.attr.values()
    )
