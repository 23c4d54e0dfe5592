"""A model cut in two: what is frozen and what is trained."""

import math

import keras

from keras_ptft.errors import UserError
from keras_ptft.registry import nearest


def cut_points(backbone: keras.Model) -> list[str]:
    """Names of the layers at which a backbone can be cut in two.

    A layer that a residual branch bypasses is none.

    Example:

    >>> inputs = keras.Input((4,))
    >>> x = keras.layers.Dense(3, name="dense")(inputs)
    >>> cut_points(keras.Model(inputs, keras.layers.ReLU(name="relu")(x)))
    ['dense', 'relu']
    """
    names = []
    for layer in backbone.layers:
        if not isinstance(layer, keras.layers.InputLayer) and _cuts(
            backbone, layer.output
        ):
            names.append(layer.name)
    return names


def split(
    model: keras.Model, backbone: keras.Model, freeze: str
) -> tuple[keras.Model | None, keras.Model]:
    """Cuts a model into a frozen prefix and a trained suffix.

    Both share their variables with the model, so training the suffix
    trains the model. The cut moves on past layers without variables, such
    as pooling, while that makes its tensor no larger.

    Args:
        model: backbone and head, functional.
        backbone: the part of `model` that may be frozen.
        freeze: a cut point of the backbone, "all" or "none".

    Returns:
        The prefix with `trainable=False`, or None, and the suffix.

    Raises:
        UserError: no such cut point.
    """
    if freeze == "none":
        return None, model
    if freeze == "all":
        cut = backbone.outputs[0]
    else:
        cut = _advance(backbone, _tensor(backbone, freeze))
    prefix = keras.Model(model.inputs[0], cut, name="prefix")
    prefix.trainable = False
    return prefix, keras.Model(cut, model.outputs[0], name="suffix")


def _tensor(backbone: keras.Model, freeze: str) -> keras.KerasTensor:
    names = [layer.name for layer in backbone.layers]
    if freeze in names:
        cut = backbone.get_layer(freeze).output
        if _cuts(backbone, cut):
            return cut
    points = cut_points(backbone)
    raise UserError(
        f"Cannot freeze up to {freeze!r}{nearest(freeze, points)}; "
        f"the cut points are: all, none, {', '.join(points)}."
    )


def _cuts(backbone: keras.Model, tensor: keras.KerasTensor) -> bool:
    """Whether every way from the input to the output passes a tensor."""
    # between layers stand bare operations, as in masks
    made_from = {
        id(made): keras.tree.flatten(operation.input)
        for operation in backbone.operations
        if not isinstance(operation, keras.layers.InputLayer)
        for made in keras.tree.flatten(operation.output)
    }
    waiting = [backbone.outputs[0]]
    while waiting:
        reached = waiting.pop()
        if reached is tensor:
            continue
        if id(reached) not in made_from:
            return False
        waiting += made_from[id(reached)]
    return True


def _advance(
    backbone: keras.Model, cut: keras.KerasTensor
) -> keras.KerasTensor:
    while cut is not backbone.outputs[0]:
        users = [
            user
            for user in backbone.operations
            if any(tensor is cut for tensor in keras.tree.flatten(user.input))
        ]
        # the seed of a dropout layer is a variable too
        if len(users) != 1 or getattr(users[0], "variables", ()):
            break
        if _size(users[0].output) > _size(cut):
            break
        cut = users[0].output
    return cut


def _size(tensor: keras.KerasTensor) -> int:
    return math.prod(side or 1 for side in tensor.shape[1:])
