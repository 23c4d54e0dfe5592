"""Arrays in npz and npy files, checked before memory is allocated."""

import math
import os
import zipfile
from typing import IO, cast

import numpy as np

from keras_ptft.errors import UserError

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_array(
    stored: np.lib.npyio.NpzFile, key: str, path: str | os.PathLike
) -> np.ndarray:
    """Reads one array of an open npz file.

    Args:
        stored: what `np.load(path, allow_pickle=False)` returned.
        key: the name of the array.
        path: the file, as an error names it.

    Returns:
        The array.

    Raises:
        UserError: no array, a pickled one, or one that declares more than
            the file holds or half of this machine's memory.
    """
    # None only once it is closed
    archive = cast(zipfile.ZipFile, stored.zip)
    name = f"{key}.npy" if f"{key}.npy" in archive.namelist() else key
    with archive.open(name) as member:
        held = archive.getinfo(name).file_size
        size = _declared_bytes(member, held, f"{key} of {path}")
    # two copies exist while it becomes a tensor
    if 2 * size > (memory := physical_memory()):
        raise UserError(
            f"{key} of {path} has {size:,} bytes, more than half of the "
            f"{memory:,} bytes of this machine's memory: save a part of "
            "it, or single image files."
        )
    return stored[key]


def map_array(path: str | os.PathLike) -> np.ndarray:
    """Maps the array of a `.npy` file, which is read from disk by rows.

    Raises:
        UserError: no array, a pickled one, or one that declares more than
            the file holds.
    """
    with open(path, "rb") as file:
        _declared_bytes(file, os.path.getsize(path), str(path))
    return np.load(path, mmap_mode="r", allow_pickle=False)


def physical_memory() -> int:
    """Returns this machine's memory in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _declared_bytes(file: IO[bytes], held: int, what: str) -> int:
    """Bytes of an array, by the header at the start of a file."""
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
