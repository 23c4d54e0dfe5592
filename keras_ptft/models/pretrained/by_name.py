"""Weights that Keras saved, into layers of the same names, all or none."""

import itertools
import os
import pathlib
from operator import itemgetter

import keras
import numpy as np

from keras_ptft.errors import UserError
from keras_ptft.models.normalization import scaling_of
from keras_ptft.models.pretrained.filling import Target, fill, weights_by_name
from keras_ptft.models.pretrained.keras_files import SavedLayer, read_layers
from keras_ptft.models.saved import load_model

# what a classifier has on top of its backbone
_HEAD = ("logits/0", "logits/1")


def is_keras_file(path: str | os.PathLike) -> bool:
    """Whether a path ends as the files of Keras do."""
    return pathlib.Path(path).suffix in (".keras", ".h5", ".hdf5")


def fill_from_keras(backbone: keras.Model, path: str | os.PathLike) -> None:
    """Sets every weight of a backbone to those in a file, in place.

    Layers are found by name. A head called "logits" may be in the file too.

    Args:
        backbone: functional.
        path: a `.keras` file, or one of weights: `.weights.h5`, or `.h5` as
            Keras 2 wrote.

    Raises:
        UserError: the file cannot be read, or its layers and shapes are not
            exactly those of the backbone, or its numbers are scaled in
            another way. No weight is changed then.
    """
    groups = itertools.groupby(weights_by_name(backbone), itemgetter(0))
    names = {
        f"{layer}/{place}": Target(layer, weight)
        for layer, group in groups
        for place, (_, weight) in enumerate(group)
    }
    tensors = _tensors(_layers(backbone, path), path)
    fill(backbone, tensors, names, origin=str(path), unused=_HEAD)


def _layers(backbone: keras.Model, path: str | os.PathLike) -> list[SavedLayer]:
    if pathlib.Path(path).suffix != ".keras":
        return read_layers(path)
    model = load_model(path)
    theirs, ours = scaling_of(model), scaling_of(backbone)
    if theirs and ours and not np.array_equal(theirs, ours):
        raise UserError(
            f"The model in {path} scales its inputs in another way than "
            f"this one: use --init_from={path}."
        )
    return [SavedLayer(x.name, tuple(x.get_weights())) for x in model.layers]


def _tensors(
    layers: list[SavedLayer], path: str | os.PathLike
) -> dict[str, np.ndarray]:
    """The weights of layers, called by the layer and their place in it."""
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names):
        raise UserError(
            f"The file {path} has several layers of one name within others, "
            "expected each once: save the model as .keras."
        )
    return {
        f"{layer.name}/{place}": array
        for layer in layers
        for place, array in enumerate(layer.arrays)
    }
