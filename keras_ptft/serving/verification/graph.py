"""Checks by its graph that a plain TensorFlow Serving can run an export.

The graph is read, not loaded. A server starts without XLA and without Python,
has the operations of its own release, and refuses a graph with an attribute
that its release does not know.
"""

import pathlib
from collections.abc import Iterator
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2

from keras_ptft.errors import UserError
from keras_ptft.serving.verification.operations import is_older, operations

ANY = "any"
"""In place of a release: servers that have operations of their own."""
_PYTHON = frozenset(("PyFunc", "PyFuncStateless", "EagerPyFunc"))
_XLA = ("Xla", "_Xla")
_COMPILED = "_XlaMustCompile"
# of all faults, so many are told
_MOST = 3


def check_graph(folder: pathlib.Path, serve_with: str) -> dict[str, Any]:
    """Checks that a plain TensorFlow Serving can run an export.

    Args:
        folder: of the SavedModel.
        serve_with: the oldest release that must, as "2.19", or ANY.

    Returns:
        `operations` that the graph uses, sorted; `tensorflow`, the version
        that wrote it; its `producer` and `min_consumer`, the versions of
        its form; and `checked_against`, the release.

    Raises:
        UserError: it asks for XLA or Python, or uses operations or
            attributes that the release has not got.
    """
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((folder / "saved_model.pb").read_bytes())
    (meta_graph,) = model.meta_graphs
    graph = meta_graph.graph_def
    defined = {function.signature.name for function in graph.library.function}
    nodes = [node for node in _nodes(graph) if node.op not in defined]
    faults = [*_compiled(graph), *_unservable(nodes)]
    if serve_with != ANY:
        faults += _too_new(nodes, serve_with)
    if faults:
        release = "" if serve_with == ANY else f" {serve_with}"
        raise UserError(
            f"TensorFlow Serving{release} cannot run the export: "
            f"{_some(faults)}: nothing was published; change the model, or "
            "set --serve_with to the release of your server, or to any if it "
            "has operations of its own."
        )
    return {
        "operations": sorted({node.op for node in nodes}),
        "tensorflow": meta_graph.meta_info_def.tensorflow_version,
        "producer": graph.versions.producer,
        "min_consumer": graph.versions.min_consumer,
        "checked_against": serve_with,
    }


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _compiled(graph: Any) -> Iterator[str]:
    """What asks to be compiled with XLA."""
    for function in graph.library.function:
        if _is_compiled(function.attr):
            yield f"function {function.signature.name!r} asks for XLA"
    for node in _nodes(graph):
        if _is_compiled(node.attr):
            yield f"node {node.name!r} asks for XLA"


def _is_compiled(attributes: Any) -> bool:
    # a lookup would add it
    return _COMPILED in attributes and attributes[_COMPILED].b


def _unservable(nodes: list[Any]) -> Iterator[str]:
    for node in nodes:
        if node.op in _PYTHON:
            yield f"node {node.name!r} calls Python ({node.op})"
        elif node.op.startswith(_XLA):
            yield f"node {node.name!r} asks for XLA ({node.op})"


def _too_new(nodes: list[Any], release: str) -> Iterator[str]:
    """What a release has not got."""
    known = operations()
    for node in nodes:
        if node.op not in known:
            yield f"operation {node.op} is in no TensorFlow"
            continue
        operation = known[node.op]
        if is_older(release, operation.since):
            yield f"operation {node.op} is of TensorFlow {operation.since}"
        for name in node.attr:
            # those of the runtime, which servers leave as they are
            if name.startswith("_"):
                continue
            since = operation.attributes.get(name)
            if since is None:
                yield f"attribute {name!r} of {node.op} is in no TensorFlow"
            elif is_older(release, since):
                yield f"attribute {name!r} of {node.op} is of {since}"


def _some(faults: list[str]) -> str:
    """The first of all different faults."""
    different = list(dict.fromkeys(faults))
    rest = len(different) - _MOST
    more = [f"and {rest} more"] if rest > 0 else []
    return "; ".join([*different[:_MOST], *more])
