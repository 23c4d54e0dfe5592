"""Functional models of other libraries in the form that this one relies on.

All layers stand on the top level, where weights are transferred by name and
the graph can be cut, and a layer's name does not depend on what else was
built in this process.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import keras

from keras_ptft.models.tokens import numbered


def tidied(
    model: keras.Model,
    *,
    with_weights: bool,
    changed: Mapping[str, Mapping[str, Any]] | None = None,
    call: Callable[..., Any] | None = None,
) -> keras.Model:
    """Builds a functional model again, flat and with lasting names.

    Sequential models within are dissolved. Layers that Keras named itself
    are named as they would be in a new process that builds this model alone.

    Args:
        model: functional; what it holds besides layers are Keras operations.
        with_weights: whether the copy gets the weights too.
        changed: what to change in the configurations of layers, by their
            names.
        call: calls a copied layer, with the layer and what it is called
            with; None: as the model calls it.

    Returns:
        A functional model "backbone" with layers of its own.

    Example:

    >>> inputs = keras.Input((2,), name="inputs")
    >>> stem = keras.Sequential([keras.layers.Dense(3, name="dense")])
    >>> outputs = keras.layers.ReLU()(stem(inputs))
    >>> model = tidied(keras.Model(inputs, outputs), with_weights=True)
    >>> [layer.name for layer in model.layers]
    ['inputs', 'dense', 're_lu']
    """
    changes = _changes(model, changed or {})
    pairs: list[tuple[keras.Layer, keras.Layer]] = []

    def copy(operation: keras.Operation) -> keras.Operation:
        if isinstance(operation, keras.Sequential):
            # taken apart where it is called
            return operation
        config = operation.get_config() | changes.get(operation.name, {})
        copied = type(operation).from_config(config)
        if isinstance(copied, keras.Layer):
            pairs.append((operation, copied))
        return copied

    copied = keras.models.clone_model(
        keras.Model(model.input, model.output),
        clone_function=copy,
        call_function=_taking_apart(copy, call or _plainly),
    )
    if with_weights:
        for theirs, ours in pairs:
            # one may have become a part of the configuration
            if ours.weights:
                ours.set_weights(theirs.get_weights())
    return numbered(keras.Model(copied.input, copied.output, name="backbone"))


def flat_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yields a model's layers, those of Sequential models within too."""
    for layer in model.layers:
        if isinstance(layer, keras.Sequential):
            yield from flat_layers(layer)
        else:
            yield layer


def is_own_name(name: str, layer: keras.Layer) -> bool:
    """Whether Keras gives such a name to a layer that nobody named.

    Example:

    >>> is_own_name("re_lu_7", keras.layers.ReLU(name="block1"))
    True
    """
    return _stem(name).replace("_", "") == type(layer).__name__.lower()


def number(name: str) -> int:
    """Returns the number at the end of a name that Keras gave, or 0."""
    found = re.search(r"_(\d+)$", name)
    return int(found[1]) if found else 0


def _taking_apart(
    copy: Callable[[keras.Operation], keras.Operation],
    call: Callable[..., Any],
) -> Callable[..., Any]:
    """Calls the layers of a Sequential model, copied, in place of it."""

    def called(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(operation, keras.Sequential):
            return call(operation, *args, **kwargs)
        (x,) = args
        for layer in operation.layers:
            x = copy(layer)(x)
        return x

    return called


def _plainly(operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
    return operation(*args, **kwargs)


def _stem(name: str) -> str:
    return re.sub(r"_\d+$", "", name)


def _changes(
    model: keras.Model, changed: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """What to change in each layer, its name above all."""
    layers = [
        layer
        for layer in flat_layers(model)
        if not isinstance(layer, keras.layers.InputLayer)
    ]
    changes = {la.name: dict(changed.get(la.name, {})) for la in layers}
    unnamed = [la.name for la in layers if is_own_name(la.name, la)]
    for layer in layers:
        if layer.name not in unnamed:
            changes[layer.name].setdefault("name", layer.name)
        if isinstance(layer, keras.layers.BatchNormalization):
            # over all replicas, so that results do not depend on their number
            changes[layer.name]["synchronized"] = True
    taken = {x["name"] for x in changes.values() if "name" in x}
    for old in sorted(unnamed, key=number):
        changes[old]["name"] = _free(_stem(old), taken)
        taken.add(changes[old]["name"])
    return changes


def _free(stem: str, taken: Container[str]) -> str:
    """The first name that Keras would give which is not taken."""
    name, count = stem, 0
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    return name
