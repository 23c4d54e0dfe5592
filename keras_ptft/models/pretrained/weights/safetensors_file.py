"""Files in the safetensors format, and folders of several."""

import json
import os
import pathlib
from typing import Any

import ml_dtypes
import numpy as np
import safetensors

from keras_ptft.errors import first_line
from keras_ptft.models.pretrained.weights.unreadable import Unreadable

_DTYPES: dict[str, Any] = {
    "BF16": ml_dtypes.bfloat16,
    "BOOL": np.bool_,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
}
INDEX = ".index.json"
"""End of the name of an index."""


def read_safetensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads the tensors of a `.safetensors` file.

    The package's own reader for NumPy has no bfloat16.

    Raises:
        Unreadable: it is broken, or has numbers of an unusual kind.
        OSError: it cannot be read.
    """
    try:
        found = safetensors.deserialize(pathlib.Path(path).read_bytes())
    except safetensors.SafetensorError as error:
        reason = first_line(error).removeprefix("Error while deserializing: ")
        raise Unreadable(f"its tensors are broken ({reason[:100]})") from error
    return {name: _array(name, **tensor) for name, tensor in found}


def _array(
    name: str, dtype: str, shape: list[int], data: bytearray
) -> np.ndarray:
    if dtype not in _DTYPES:
        raise Unreadable(
            f"expected numbers of {', '.join(_DTYPES)}, got {name[:80]!r} of "
            f"{dtype}"
        )
    return np.frombuffer(data, _DTYPES[dtype]).reshape(shape)


def read_index(path: str | os.PathLike) -> dict[str, str]:
    """Reads which file holds which tensor, of weights in several files.

    Args:
        path: a `.index.json` file beside the others.

    Returns:
        Name of a file in the same folder by name of a tensor.

    Raises:
        Unreadable: it is no such index.
        OSError: it cannot be read.
    """
    try:
        content = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        files = dict(content["weight_map"])
    # RecursionError: lists within lists without end
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise Unreadable(
            "expected an index with a 'weight_map' from tensors to files"
        ) from error
    for file in files.values():
        if type(file) is not str or pathlib.Path(file).name != file:
            raise Unreadable(
                "expected the index to name files beside it, got "
                f"{str(file)[:80]!r}"
            )
        if file.endswith(INDEX):
            raise Unreadable("expected an index of files, got one of indices")
    return files
