"""Weights as other programs write them, read without running anything."""

import os
import pathlib
from collections.abc import Callable

import numpy as np

from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.weights.safetensors_file import (
    INDEX,
    read_index,
    read_safetensors,
)
from keras_ptft.models.pretrained.weights.torch_file import read_torch
from keras_ptft.models.pretrained.weights.unreadable import Unreadable

_READERS: dict[str, Callable[..., dict[str, np.ndarray]]] = {
    ".safetensors": read_safetensors,
    ".pth": read_torch,
    ".pt": read_torch,
    ".bin": read_torch,
}
# what a folder of a model calls its weights, the safer format first
_IN_FOLDERS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


def read_weights(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads tensors from a file or folder, whichever program wrote them.

    Args:
        path: a `.safetensors`, `.pth`, `.pt` or `.bin` file, the
            `.index.json` file of several, or a folder with one of these as
            Hugging Face calls them.

    Returns:
        Arrays by name in the file's own dtype, as float32, bfloat16 of
        `ml_dtypes` or int64. They may share memory: read them only.

    Raises:
        UserError: it cannot be read, is broken or of another format, or
            would run code.
    """
    place = pathlib.Path(path)
    try:
        return _read(_in_folder(place) if place.is_dir() else place)
    except OSError as error:
        reason, remedy = error.strerror or str(error), "check the path"
    except Unreadable as error:
        reason = str(error)
        remedy = "give the original file, or one converted to .safetensors"
    raise UserError(f"Cannot read the weights {path}: {reason}: {remedy}.")


def _in_folder(folder: pathlib.Path) -> pathlib.Path:
    for name in _IN_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise Unreadable(f"expected a folder with {' or '.join(_IN_FOLDERS)}")


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
    if path.name.endswith(INDEX):
        return _read_shards(path)
    if path.suffix not in _READERS:
        endings = ", ".join((*_READERS, INDEX))
        raise Unreadable(f"expected a file that ends in {endings}")
    return _READERS[path.suffix](path)


def _read_shards(index: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads the files that an index names; it must agree with them."""
    files = read_index(index)
    tensors: dict[str, np.ndarray] = {}
    for file in sorted(set(files.values())):
        for name, tensor in _read(index.parent / file).items():
            if files.get(name) != file:
                raise Unreadable(
                    f"the index does not say that {name[:80]!r} is in {file}"
                )
            tensors[name] = tensor
    if absent := [name for name in files if name not in tensors]:
        raise Unreadable(
            f"{len(absent)} tensors of the index are not in its files, the "
            f"first is {absent[0][:80]!r}"
        )
    return tensors
