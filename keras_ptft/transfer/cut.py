"""A model cut in two: a frozen prefix and a trained suffix."""

import math
from collections.abc import Iterable

import keras

from keras_ptft.errors import UserError
from keras_ptft.models.structure import (
    input_tensors,
    named_inputs,
    output_tensors,
)
from keras_ptft.registry import nearest
from keras_ptft.transfer.unfrozen import unfreeze

Named = dict[str, keras.KerasTensor]


def cut_points(backbone: keras.Model) -> list[str]:
    """Lists the layers at which a backbone can be cut in two.

    All paths from its inputs to its outputs pass through such a layer; one
    that a residual branch bypasses is none.

    Returns:
        Names, from input to output.

    Example:

    >>> inputs = keras.Input((4,))
    >>> x = keras.layers.Dense(3, name="dense")(inputs)
    >>> cut_points(keras.Model(inputs, keras.layers.ReLU(name="relu")(x)))
    ['dense', 'relu']
    """
    return [
        layer.name
        for layer in backbone.layers
        if not isinstance(layer, keras.layers.InputLayer)
        and is_cut(backbone, layer.output)
    ]


def split(
    model: keras.Model, backbone: keras.Model, freeze: str
) -> tuple[keras.Model | None, keras.Model]:
    """Cuts a model into a frozen prefix and a trained suffix.

    Both share their variables with the model, so training the suffix
    trains the model. The cut moves on past layers without variables, such
    as pooling, while that makes its tensor no larger. It alone decides what
    is frozen: layers that an earlier fine-tuning froze are trained if they
    are behind it.

    Args:
        model: backbone and head, functional.
        backbone: the part of `model` that may be frozen, on inputs of it.
        freeze: a cut point of the backbone, "all" or "none".

    Returns:
        The prefix with `trainable=False`, or None, and the suffix. The
        prefix takes the model's inputs. It returns features at the cut; or,
        where what follows needs inputs of the model too, a dict with these,
        passed through, and the features by the name of their layer. The
        suffix takes what the prefix returns.

    Raises:
        UserError: no such cut point, or layers before it are trained.
    """
    unfreeze(model)
    if freeze == "none":
        return None, model
    given = {id(tensor) for tensor in model.inputs}
    if not given.issuperset(map(id, backbone.inputs)):
        raise UserError(
            "This model reads its backbone's inputs from layers of its own "
            f"and trains the first layer too, got --freeze={freeze}: use "
            "--freeze=none."
        )
    kept = _kept(model, _cut(model, backbone, freeze), freeze)
    prefix = _prefix(model, kept)
    prefix.trainable = False
    return prefix, _suffix(model, kept)


def part_before(backbone: keras.Model, cut_point: str) -> keras.Model:
    """Returns what `split` would freeze of a backbone.

    Args:
        backbone: functional.
        cut_point: one of its cut points.
    """
    kept = _kept(backbone, _cut(backbone, backbone, cut_point), cut_point)
    return _prefix(backbone, kept)


def _cut(model: keras.Model, backbone: keras.Model, freeze: str) -> Named:
    """The features that the prefix computes, by name."""
    features = output_tensors(backbone)
    if freeze != "all":
        tensor = _tensor_of(backbone, freeze)
        features = _advanced(model, tensor, backbone.outputs)
    if isinstance(features, dict):
        return features
    return {operation_of(features).name: features}


def _tensor_of(backbone: keras.Model, freeze: str) -> keras.KerasTensor:
    """The output of the layer `freeze`, where it is a cut point."""
    names = [layer.name for layer in backbone.layers]
    if freeze in names:
        tensor = backbone.get_layer(freeze).output
        if is_cut(backbone, tensor):
            return tensor
    points = cut_points(backbone)
    raise UserError(
        f"Cannot freeze up to {freeze!r}{nearest(freeze, points)}; "
        f"the cut points are: all, none, {', '.join(points)}."
    )


def _advanced(
    model: keras.Model,
    cut: keras.KerasTensor,
    ends: Iterable[keras.KerasTensor],
) -> keras.KerasTensor:
    """Moves a cut past layers without variables that make it no larger."""
    while all(cut is not end for end in ends):
        users = [
            tensor
            for tensor in ancestors(model.outputs, [cut])
            if any(source is cut for source in sources(tensor))
        ]
        if len(users) != 1 or _size(users[0]) > _size(cut):
            break
        # the seed of a dropout layer is a variable too
        if _has_variables(users[0]):
            break
        cut = users[0]
    return cut


def _kept(model: keras.Model, cut: Named, freeze: str) -> Named:
    """The features that the suffix needs, and the inputs it needs too."""
    needed = ancestors(model.outputs, cut.values())
    ids = {id(tensor) for tensor in needed}
    kept = {name: tensor for name, tensor in cut.items() if id(tensor) in ids}
    behind = ancestors(t for x in kept.values() for t in sources(x))
    for tensor in behind:
        if id(tensor) in ids and _has_variables(tensor):
            raise UserError(
                f"Cannot freeze up to {freeze!r}: the head reads the layer "
                f"{operation_of(tensor).name!r} before it too; choose an "
                "earlier cut point, or --freeze=none."
            )
    inputs = named_inputs(model).items()
    return kept | {name: tensor for name, tensor in inputs if id(tensor) in ids}


def _prefix(model: keras.Model, kept: Named) -> keras.Model:
    outputs = kept if len(kept) > 1 else next(iter(kept.values()))
    return keras.Model(input_tensors(model), outputs, name="prefix")


def _suffix(model: keras.Model, kept: Named) -> keras.Model:
    """The model from the kept tensors on, on the same layers."""
    tensors, outputs = list(kept.values()), output_tensors(model)
    if len(tensors) == 1:
        return keras.Model(tensors[0], outputs, name="suffix")
    # cutting a graph at its own input gives that another history, by which
    # Keras could no longer save the model (Keras 3.15)
    histories = [(x, x._keras_history) for x in model.inputs]
    # Keras names the inputs of a cut graph itself, but those of a dict must
    # be called as their keys are
    cut = keras.Model(tensors, outputs)
    inputs = {
        name: keras.Input(
            batch_shape=tensor.shape, dtype=tensor.dtype, name=name
        )
        for name, tensor in kept.items()
    }
    renamed = keras.models.clone_model(
        cut, list(inputs.values()), clone_function=lambda layer: layer
    )
    for tensor, history in histories:
        tensor._keras_history = history
    return keras.Model(inputs, output_tensors(renamed), name="suffix")


def is_cut(backbone: keras.Model, tensor: keras.KerasTensor) -> bool:
    """Returns whether all paths from inputs to outputs pass a tensor."""
    reached = {id(x) for x in ancestors(backbone.outputs, [tensor])}
    return id(tensor) in reached and reached.isdisjoint(
        map(id, backbone.inputs)
    )


def ancestors(
    ends: Iterable[keras.KerasTensor], stops: Iterable[keras.KerasTensor] = ()
) -> list[keras.KerasTensor]:
    """Returns the tensors that `ends` are computed from, `ends` included.

    Args:
        ends: of a functional model.
        stops: the search does not go behind these.
    """
    stopped = set(map(id, stops))
    found: dict[int, keras.KerasTensor] = {}
    waiting = list(ends)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) not in found:
            found[id(tensor)] = tensor
            if id(tensor) not in stopped:
                waiting += sources(tensor)
    return list(found.values())


def sources(tensor: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Returns the inputs of the call that computed a tensor.

    Keras has no public name for this: `operation.input` knows only the first
    call of a layer that is used several times.
    """
    operation, node_index, _ = tensor._keras_history
    return operation._inbound_nodes[node_index].input_tensors


def operation_of(tensor: keras.KerasTensor) -> keras.Operation:
    """Returns what computed a tensor, such as a layer."""
    return tensor._keras_history.operation


def _has_variables(tensor: keras.KerasTensor) -> bool:
    operation = operation_of(tensor)
    return isinstance(operation, keras.Layer) and bool(operation.variables)


def _size(tensor: keras.KerasTensor) -> int:
    return math.prod(side or 1 for side in tensor.shape[1:])
