"""Files that `torch.save` wrote, read without PyTorch."""

import io
import math
import mmap
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias, cast

import ml_dtypes
import numpy as np

from keras_ptft.errors import first_line
from keras_ptft.models.pretrained.weights.torch_pickle import (
    STORAGES,
    Pickled,
    Storage,
    Tensor,
    unpickle,
)
from keras_ptft.models.pretrained.weights.unreadable import Unreadable

Buffer: TypeAlias = bytes | memoryview

# how a zip archive begins
_ARCHIVE = b"PK\x03\x04"
# and a file of the format before PyTorch 1.6
_PICKLE, _MAGIC, _PROTOCOL = b"\x80", 0x1950A86A20F9469CFC6C, 1001
# what stands before the numbers of a storage there
_COUNT = struct.Struct("<q")
# of an array of NumPy 1
_MOST_AXES = 32
# under which a checkpoint keeps its tensors, beside other things
_PARTS = ("state_dict", "model")


def read_torch(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads the tensors of a `.pth`, `.pt` or `.bin` file.

    Both formats of `torch.save` are known: a zip archive, and the pickles
    one after the other that PyTorch wrote before 1.6. Nothing in the file is
    run (see `torch_pickle`). Of a checkpoint that holds more, its
    "state_dict" or "model" is read.

    Returns:
        Arrays by name, read-only, that may share memory.

    Raises:
        Unreadable: the file is broken, or holds other things than tensors.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        is_archive = file.read(len(_ARCHIVE)) == _ARCHIVE
    read = _from_zip if is_archive else _from_pickles
    content, storages = read(path)
    return {
        name: _array(name, tensor, storages)
        for name, tensor in _tensors(content).items()
    }


def _from_zip(path: str | os.PathLike) -> tuple[Any, Mapping[str, Buffer]]:
    """The content of an archive, and its storages by key."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, os.path.getsize(path))
            parts = {n: archive.read(n) for n in archive.namelist()}
    except Unreadable:
        raise
    # a broken archive fails in as many ways as it can be broken
    except Exception as error:
        reason = first_line(error)[:100]
        raise Unreadable(f"its archive is broken ({reason})") from error
    folders = [n.removesuffix("data.pkl") for n in parts if _is_main(n)]
    if len(folders) != 1:
        raise Unreadable(
            f"expected one data.pkl in the archive, got {len(folders)}"
        )
    folder = folders[0]
    if parts.get(f"{folder}byteorder", b"little") != b"little":
        raise Unreadable("expected little-endian numbers, got big-endian")
    content = unpickle(io.BytesIO(parts[f"{folder}data.pkl"]))
    start = f"{folder}data/"
    return content.value, {
        name.removeprefix(start): part
        for name, part in parts.items()
        if name.startswith(start)
    }


def _is_main(name: str) -> bool:
    """Whether that is the pickle of an archive, in its only folder."""
    return name.partition("/")[2] == "data.pkl"


def _check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Refuses members that would take more memory than the file."""
    members = archive.infolist()
    if any(m.compress_type != zipfile.ZIP_STORED for m in members):
        raise Unreadable("expected an archive as PyTorch writes, uncompressed")
    if sum(m.file_size for m in members) > size:
        raise Unreadable("the parts of its archive are larger than the file")


def _from_pickles(path: str | os.PathLike) -> tuple[Any, Mapping[str, Buffer]]:
    """The content of a file of pickles, and its storages by key."""
    with open(path, "rb") as file:
        if not os.path.getsize(path):
            raise Unreadable("it is empty")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if mapped[:1] != _PICKLE or _next(mapped).value != _MAGIC:
        raise Unreadable("expected a file of torch.save, got another format")
    if _next(mapped).value != _PROTOCOL:
        raise Unreadable("expected protocol 1001 of torch.save, got another")
    system = _next(mapped).value
    if type(system) is not dict or system.get("little_endian") is not True:
        raise Unreadable("expected little-endian numbers, got big-endian")
    content, keys = _next(mapped), _next(mapped).value
    data = memoryview(mapped)[mapped.tell() :]
    return content.value, dict(_sequence(data, keys, content.storages))


def _next(mapped: mmap.mmap) -> Pickled:
    return unpickle(cast(BinaryIO, mapped))


def _sequence(
    data: memoryview, keys: Any, storages: Mapping[str, Storage]
) -> Iterator[tuple[str, memoryview]]:
    """Storages one after the other, each behind the count of its numbers."""
    for key in keys if type(keys) is list else ():
        if type(key) is not str or key not in storages:
            raise Unreadable("it holds numbers that are of no tensor")
        if len(data) < _COUNT.size:
            raise Unreadable("its numbers are cut off")
        (count,) = _COUNT.unpack_from(data)
        end = _COUNT.size + count * _dtype(storages[key]).itemsize
        if not _COUNT.size <= end <= len(data):
            raise Unreadable("its numbers are cut off")
        yield key, data[_COUNT.size : end]
        data = data[end:]


def _tensors(content: Any) -> dict[str, Tensor]:
    """The tensors of a file by name."""
    if type(content) is dict:
        inner = [content[p] for p in _PARTS if type(content.get(p)) is dict]
        content = inner[0] if inner else content
    if type(content) is not dict or not content:
        raise Unreadable("expected tensors by name, got none")
    for name, tensor in content.items():
        if type(name) is not str or type(tensor) is not Tensor:
            raise Unreadable(
                f"expected tensors by name, got {str(name)[:80]!r} as "
                f"{type(tensor).__name__}"
            )
    return content


def _array(
    name: str, tensor: Tensor, storages: Mapping[str, Buffer]
) -> np.ndarray:
    """A view of the numbers of a tensor, in its own order of memory."""
    dtype = _dtype(tensor.storage)
    data = storages.get(tensor.storage.key)
    if data is None or len(data) != tensor.storage.size * dtype.itemsize:
        raise Unreadable(
            f"the numbers of {name[:80]!r} are not in the file, or not as "
            "many as it says"
        )
    if len(tensor.shape) > _MOST_AXES:
        raise Unreadable(
            f"the tensor {name[:80]!r} has {len(tensor.shape)} axes, expected "
            f"at most {_MOST_AXES}"
        )
    if not _is_inside(tensor):
        raise Unreadable(
            f"the tensor {name[:80]!r} is empty, or reaches out of the "
            f"{tensor.storage.size} numbers that the file holds for it"
        )
    strides = [stride * dtype.itemsize for stride in tensor.strides]
    offset = tensor.offset * dtype.itemsize
    return np.ndarray(tensor.shape, dtype, data, offset, strides)


def _is_inside(tensor: Tensor) -> bool:
    """Whether a tensor has only numbers that are there, and no more of them."""
    if len(tensor.shape) != len(tensor.strides):
        return False
    pairs = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((side - 1) * step for side, step in pairs)
    held = tensor.storage.size
    return last < held and 1 <= math.prod(tensor.shape) <= held


def _dtype(storage: Storage) -> np.dtype:
    name = STORAGES[storage.kind]
    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
