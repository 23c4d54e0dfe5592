"""Cuts a convolutional network where it has looked at its image last."""

from collections.abc import Iterator

import keras

from keras_ptft.models.structure import input_tensors
from keras_ptft.transfer.cut import ancestors, is_cut, sources

Halves = tuple[keras.Model, keras.Model]
"""From the input to maps of features, and from these to the answers."""

# fewer places along a side tell nothing of where
_FEWEST = 3
_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)


def halves(model: keras.Model) -> Halves | None:
    """Cuts a model at the last maps that have places of the image.

    That is the last output of shape (batch, rows, columns, channels), at
    least 3 by 3, that all paths pass, behind a convolution, and before
    which no places were mixed as tokens. It may be in a model that is a
    layer of this one. Variables are shared.

    Args:
        model: functional, with one input and one output.

    Returns:
        None where there is no such output.

    Example:

    >>> x = image = keras.Input((6, 6, 1))
    >>> x = keras.layers.Conv2D(2, 3, name="conv")(x)
    >>> x = keras.layers.Flatten()(x)
    >>> model = keras.Model(image, keras.layers.Dense(2)(x))
    >>> front, back = halves(model)
    >>> front.output_shape, back.output_shape
    ((None, 4, 4, 2), (None, 2))
    """
    found = _halves(model)
    if found is None or not _has_convolution(found[0]):
        return None
    return None if _has_tokens(found[1]) else found


def _halves(model: keras.Model) -> Halves | None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        return None
    for tensor in _cuts(model):
        if _has_places(tensor) and tensor is not model.outputs[0]:
            return (
                keras.Model(input_tensors(model), tensor),
                keras.Model(tensor, model.outputs[0]),
            )
        inner = tensor._keras_history.operation
        if isinstance(inner, keras.Sequential):
            # it does not know its own input by that name
            inner = keras.Model(inner.inputs, inner.outputs[0])
        if isinstance(inner, keras.Model) and (within := _halves(inner)):
            return _joined(model, tensor, within)
    return None


def _cuts(model: keras.Model) -> Iterator[keras.KerasTensor]:
    """Outputs of layers that all paths pass, from the last on."""
    by_layer = {
        id(tensor._keras_history.operation): tensor
        for tensor in ancestors(model.outputs)
    }
    for layer in reversed(model.layers):
        tensor = by_layer.get(id(layer))
        if tensor is not None and is_cut(model, tensor):
            yield tensor


def _joined(
    model: keras.Model, called: keras.KerasTensor, within: Halves
) -> Halves:
    """The halves of a model one layer of which is cut in halves."""
    front, back = within
    (given,) = sources(called)
    start = keras.Model(input_tensors(model), front(given))
    maps = keras.Input(
        batch_shape=front.outputs[0].shape, dtype=front.outputs[0].dtype
    )
    if called is model.outputs[0]:
        return start, back
    rest = keras.Model(called, model.outputs[0])
    return start, keras.Model(maps, rest(back(maps)))


def _has_places(tensor: keras.KerasTensor) -> bool:
    shape = tensor.shape
    return len(shape) == 4 and all(
        (side or 0) >= _FEWEST for side in shape[1:3]
    )


def _has_convolution(model: keras.Model) -> bool:
    return any(
        _has_convolution(layer)
        if isinstance(layer, keras.Model)
        else isinstance(layer, _CONVOLUTIONS)
        for layer in model.layers
    )


def _has_tokens(model: keras.Model) -> bool:
    """Whether maps become a row of vectors, which then may be mixed."""
    return any(len(tensor.shape) == 3 for tensor in ancestors(model.outputs))
