"""Saved layers into a model of keras.applications, all or none.

Keras has renamed some layers since the files were written, and numbers those
without a name through the whole process that writes them.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import keras

from keras_ptft.models.pretrained.filling import NOT_FINITE, is_finite, refuse
from keras_ptft.models.pretrained.keras_files import SavedLayer
from keras_ptft.models.tidy import is_own_name

Matched: TypeAlias = tuple[
    list[tuple[keras.Layer, SavedLayer]], list[str], list[SavedLayer]
]


def fill_layers(
    model: keras.Model,
    saved: list[SavedLayer],
    *,
    path: str | os.PathLike,
    unused: Callable[[], set[str]],
) -> None:
    """Gives a model the weights of a file, all of them and no others.

    Layers go by the name that somebody gave them. The others go in the order
    of the model, those of each class by themselves, as Keras loads all.

    Args:
        model: flat; gets the weights in place.
        saved: as returned by `read_layers`.
        path: of the file, for errors.
        unused: returns the names of layers that the file may have beside,
            which are left out.

    Raises:
        UserError: the file lacks a layer, has one too many or one of other
            shapes.
    """
    pairs, missing, spare = _matched(model, saved)
    allowed = unused() if spare else set()
    left_over = [one.name for one in spare if one.name not in allowed]
    misfits = [
        f"{layer.name} {fault}"
        for layer, one in pairs
        if (fault := _misfit(layer, one))
    ]
    refuse(missing, left_over, misfits, os.fspath(path))
    for layer, one in pairs:
        layer.set_weights(one.arrays)


def _matched(model: keras.Model, saved: list[SavedLayer]) -> Matched:
    """Pairs of a layer and its weights, layers without, weights without."""
    layers = [layer for layer in model.layers if layer.weights]
    named = {one.name: one for one in saved}
    pairs = [
        (layer, named[layer.name])
        for layer in layers
        if not is_own_name(layer.name, layer) and layer.name in named
    ]
    done = {id(part) for pair in pairs for part in pair}
    spare = [one for one in saved if id(one) not in done]
    missing = []
    for layer in layers:
        if id(layer) not in done:
            if fits := [one for one in spare if _may_be(one, layer)]:
                pairs.append((layer, fits[0]))
                spare.remove(fits[0])
            else:
                missing.append(layer.name)
    return pairs, missing, spare


def _may_be(one: SavedLayer, layer: keras.Layer) -> bool:
    """Whether weights are of a class, or of a name that nothing here has."""
    if is_own_name(layer.name, layer) and is_own_name(one.name, layer):
        return True
    return _shapes(layer.weights) == _shapes(one.arrays)


def _misfit(layer: keras.Layer, one: SavedLayer) -> str:
    """Why weights do not fit a layer, or nothing."""
    ours, theirs = _shapes(layer.weights), _shapes(one.arrays)
    if ours != theirs:
        return f"of shapes {theirs}, in place of {ours}"
    return "" if all(map(is_finite, one.arrays)) else NOT_FINITE


def _shapes(arrays: Iterable[Any]) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]
