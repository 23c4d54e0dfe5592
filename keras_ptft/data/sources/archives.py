"""Arrays from npz files, looked at before memory is taken for them."""

import math
import os
from typing import BinaryIO

import numpy as np

from keras_ptft.errors import UserError

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_array(
    stored: np.lib.npyio.NpzFile, key: str, path: str | os.PathLike
) -> np.ndarray:
    """One array of an open npz file.

    Args:
        stored: what `np.load(path, allow_pickle=False)` gave.
        key: the name of the array.
        path: the file, as an error names it.

    Raises:
        UserError: it is no array, is pickled, declares more than its file
            holds or than this machine has memory.
    """
    name = f"{key}.npy" if f"{key}.npy" in stored.zip.namelist() else key
    held = stored.zip.getinfo(name).file_size
    with stored.zip.open(name) as member:
        size = _declared(member, held, f"{key} of {path}")
    # it stands there twice while it becomes a tensor
    if 2 * size > _memory():
        raise UserError(
            f"{key} of {path} has {size:,} bytes, more than half of the "
            f"{_memory():,} bytes of this machine's memory: save a part of "
            "it, or single image files."
        )
    return stored[key]


def map_array(path: str | os.PathLike) -> np.ndarray:
    """The array of a `.npy` file, read from disk as it is asked for.

    Raises:
        UserError: it is no array, is pickled, or declares more than its
            file holds.
    """
    with open(path, "rb") as file:
        _declared(file, os.path.getsize(path), str(path))
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _declared(file: BinaryIO, held: int, what: str) -> int:
    """Bytes of an array, by its head at the start of a file."""
    try:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = _HEADERS[version](file)
    except (ValueError, KeyError, SyntaxError):
        raise UserError(
            f"{what} is no array of numbers: write it by NumPy."
        ) from None
    if dtype.hasobject:
        raise UserError(
            f"{what} holds pickled objects, which could run any code: save "
            "numbers or text."
        )
    size = math.prod(shape) * dtype.itemsize
    # an empty array may have sides beyond what NumPy counts
    countable = min((0, *shape)) >= 0 and math.prod(filter(None, shape)) < 2**62
    if size > held - file.tell() or not countable:
        raise UserError(
            f"{what} declares {dtype} of shape {shape}, {size:,} bytes, but "
            f"holds {held - file.tell():,}: save it again."
        )
    return size


def _memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
