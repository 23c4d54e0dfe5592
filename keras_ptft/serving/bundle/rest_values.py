"""Requests and answers of TensorFlow Serving's REST API.

A request has rows, a value for each example, or columns, an array for each
input. Bytes are {"b64": ...}.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_ptft.serving.bundle.descriptions import TEXT
from keras_ptft.serving.signatures.signature import Arrays, Case, Signature

_LONGEST = 20_000


def example_case(signature: Signature) -> Case | None:
    """Returns a case that is short enough to be shown.

    It is the last of those with the fewest examples: the first examples of
    texts are odd ones.

    Args:
        signature: with its cases.

    Returns:
        The case, or None: its JSON would be longer than some 20,000
        characters.
    """
    case = min(reversed(signature.cases), key=len)
    arrays = [*case.inputs.values(), *case.outputs.values()]
    return case if sum(map(_length, arrays)) <= _LONGEST else None


def row_request(name: str, inputs: Arrays) -> dict[str, Any]:
    """Returns a request with a value for each example.

    Args:
        name: of the signature.
        inputs: input name to array, all with as many examples.
    """
    return {"signature_name": name, "instances": rows_of(_encoded(inputs))}


def column_request(name: str, inputs: Arrays) -> dict[str, Any]:
    """Returns a request with an array for each input.

    Args:
        name: of the signature.
        inputs: input name to array.
    """
    return {"signature_name": name, "inputs": _encoded(inputs)}


def row_answer(outputs: Arrays) -> dict[str, Any]:
    """Returns what a server answers to `row_request`.

    Args:
        outputs: output name to array.
    """
    return {"predictions": rows_of(_decoded(outputs))}


def column_answer(outputs: Arrays) -> dict[str, Any]:
    """Returns what a server answers to `column_request`.

    Args:
        outputs: output name to array.
    """
    return {"outputs": unnamed(_decoded(outputs))}


def decimals(array: np.ndarray) -> Any:
    """Returns floats in lists, as the shortest decimals that are the same.

    Args:
        array: of floats of any size and shape.

    Example:

    >>> decimals(np.array([0.1, 2.0], np.float32))
    [0.1, 2.0]
    """
    if array.dtype.itemsize < np.dtype(np.float64).itemsize:
        array = array.astype(np.float32).astype("U").astype(np.float64)
    return array.tolist()


def rows_of(columns: Mapping[str, list[Any]]) -> list[Any]:
    """Returns a value for each example, with names where there are several.

    Args:
        columns: name to the values of all examples.

    Example:

    >>> rows_of({"x": [1, 2]}), rows_of({"x": [1], "y": [2]})
    ([1, 2], [{'x': 1, 'y': 2}])
    """
    if len(columns) == 1:
        return next(iter(columns.values()))
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def unnamed(columns: Mapping[str, Any]) -> Any:
    """Returns values by name, or the only one without its name."""
    return columns if len(columns) != 1 else next(iter(columns.values()))


def _encoded(inputs: Arrays) -> dict[str, list[Any]]:
    return {
        name: _values(array, _text if name == TEXT else _base64)
        for name, array in inputs.items()
    }


def _decoded(outputs: Arrays) -> dict[str, list[Any]]:
    return {name: _values(array, _text) for name, array in outputs.items()}


def _values(array: np.ndarray, of_string: Callable[[bytes], Any]) -> list[Any]:
    if array.dtype.kind in "OS":
        flat = [of_string(string) for string in array.ravel().tolist()]
        made = np.empty(array.size, object)
        made[:] = flat
        return made.reshape(array.shape).tolist()
    return decimals(array) if array.dtype.kind == "f" else array.tolist()


def _text(string: bytes) -> str | dict[str, str]:
    try:
        return string.decode()
    except UnicodeDecodeError:
        return _base64(string)


def _base64(string: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(string).decode()}


def _length(array: np.ndarray) -> int:
    """About how many characters an array has as JSON."""
    if array.dtype.kind in "OS":
        return sum(len(string) + 4 for string in array.ravel().tolist())
    return 8 * array.size if array.dtype.kind == "f" else 4 * array.size
