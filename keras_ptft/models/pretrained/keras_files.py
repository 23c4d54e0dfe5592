"""Weights files that Keras writes, read layer by layer."""

import dataclasses
import os
import re
from collections.abc import Iterator
from typing import Any

import h5py
import keras
import numpy as np

from keras_ptft.errors import UserError, first_line
from keras_ptft.models.saved import load_model
from keras_ptft.models.tidy import flat_layers, number

# Keras stores values uncompressed: more growth than this is an attack
_MAX_GROWTH = 100
_ALLOWANCE = 2**20


@dataclasses.dataclass(frozen=True, eq=False)
class SavedLayer:
    """The weights of one layer in a file.

    Attributes:
        name: of the layer, in the model that was saved.
        arrays: its weights, in the order of `keras.Layer.weights`.
    """

    name: str
    arrays: tuple[np.ndarray, ...]


def read_layers(path: str | os.PathLike) -> list[SavedLayer]:
    """Reads the layers that have weights, in the order of the model.

    Args:
        path: a `.keras` file, a `.weights.h5` file of Keras 3, or an `.h5`
            file of Keras 2, with the whole model or its weights alone.

    Raises:
        UserError: it is no such file.
    """
    path = os.path.expanduser(path)
    if path.endswith(".keras"):
        return _of_model(load_model(path))
    try:
        with h5py.File(path) as file:
            group = file.get("model_weights", file)
            is_old = any(key.startswith("layer_names") for key in group.attrs)
            return list(_of_keras_2(group) if is_old else _of_keras_3(group))
    # a broken file fails in as many ways as it can be broken
    except Exception as error:
        raise UserError(
            f"Cannot read the weights {path}, expected a .keras, .weights.h5 "
            f"or .h5 file of Keras: {_reason(error)}: check the path, or save "
            "it again."
        ) from error


def _of_model(model: keras.Model) -> list[SavedLayer]:
    return [
        SavedLayer(layer.name, tuple(layer.get_weights()))
        for layer in flat_layers(model)
        if layer.weights
    ]


def _of_keras_2(group: h5py.Group) -> Iterator[SavedLayer]:
    """Layers as Keras 2 lists them; one may be a model with layers."""
    for name in _listed_names(group, "layer_names"):
        paths = _listed_names(group[name], "weight_names")
        parts: dict[str, list[np.ndarray]] = {}
        for path in paths:
            within = path.rpartition("/")[0]
            values = _values(group[name][path])
            parts.setdefault(within, []).append(values)
        for within, arrays in parts.items():
            inner = name if len(parts) == 1 else within.rpartition("/")[2]
            yield SavedLayer(inner, tuple(arrays))


def _of_keras_3(group: h5py.Group) -> Iterator[SavedLayer]:
    """Layers as Keras 3 numbers them, among those of the same class."""
    found: dict[str, h5py.Group] = {}

    def note(path: str, item: h5py.Group | h5py.Dataset) -> None:
        if path.rpartition("/")[2] == "vars" and len(item) and "/" in path:
            found[path] = item

    group.visititems(note)
    if not found:
        raise KeyError("it has no layers with weights")
    for path in sorted(found, key=_natural):
        variables = found[path]
        name = variables.attrs.get("name", path.split("/")[-2])
        keys = sorted(variables, key=int)
        arrays = (_values(variables[key]) for key in keys)
        yield SavedLayer(str(name), tuple(arrays))


def _listed_names(group: h5py.Group, key: str) -> list[str]:
    """A list of names, which Keras splits where it is long."""
    values: list[Any] = list(group.attrs.get(key, ()))
    chunk = 0
    while f"{key}{chunk}" in group.attrs:
        values += list(group.attrs[f"{key}{chunk}"])
        chunk += 1
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]


def _values(dataset: h5py.Dataset) -> np.ndarray:
    if dataset.external or dataset.is_virtual:
        raise ValueError("its values are in other files")
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > _ALLOWANCE + _MAX_GROWTH * stored:
        raise ValueError(
            f"{stored:,} bytes of it would become {dataset.nbytes:,}"
        )
    return dataset[()]


def _natural(path: str) -> list[tuple[str, int]]:
    """Sorts conv2d before conv2d_2, and that before conv2d_10."""
    parts = path.split("/")
    return [(re.sub(r"_\d+$", "", part), number(part)) for part in parts]


def _reason(error: Exception) -> str:
    # h5py reports a missing file as 200 characters of its own
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return first_line(error)[:200]
