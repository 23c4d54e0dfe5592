"""Arrays in the JSON of TensorFlow Serving's REST API.

After `tensorflow_serving/util/json_tensor.cc`. One thing is refused here that
TensorFlow Serving takes: a whole number that is out of the range of an input of
8 or 16 bits, of which it keeps the low bits.
"""

import base64
import binascii
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.serving.bundle.rest_values import (
    decimals,
    rows_of,
    unnamed,
)
from keras_ptft.serving.model_server.statuses import StatusError, refused
from keras_ptft.serving.signatures.signature import Arrays

Specs = Mapping[str, tf.TensorSpec]
"""The inputs of a signature by name."""

# NumPy's own limit, before its version 2
_MOST_SIDES = 32
_MOST_SHOWN = 200
_BYTES_SUFFIX = "_bytes"
_B64 = "b64"


def parsed(body: bytes) -> dict[str, Any]:
    """Returns the object that a request is.

    Args:
        body: of the request, JSON; texts in it may be no UTF-8.

    Raises:
        StatusError: it is no JSON, or another value.

    Example:

    >>> parsed(b'{"instances": [1, NaN]}')
    {'instances': [1, nan]}
    """
    try:
        found = json.loads(body.decode("utf-8-sig", "surrogateescape"))
    except (ValueError, RecursionError) as error:
        raise refused(f"JSON Parse error: {error}") from error
    if not isinstance(found, dict):
        raise refused(f"JSON Value: {_shown(found)} Is not object")
    return found


def signature_name(request: Mapping[str, Any]) -> str:
    """Returns the signature that a request names, or nothing.

    Raises:
        StatusError: it is no text.
    """
    name = request.get("signature_name", "")
    if not isinstance(name, str):
        raise refused(
            f"JSON Value: {_shown(request)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def is_by_row(request: Mapping[str, Any]) -> bool:
    """Returns whether a request has rows, and not columns.

    Raises:
        StatusError: it has both, or neither.
    """
    formats = {"instances", "inputs"} & request.keys()
    if not formats:
        raise refused("Missing 'inputs' or 'instances' key")
    if len(formats) > 1:
        raise refused(
            f"JSON Value: {_shown(request)} Not formatted correctly expecting "
            "only one of 'inputs' or 'instances' keys to exist"
        )
    return formats == {"instances"}


def read_inputs(
    request: Mapping[str, Any], specs: Specs
) -> dict[str, np.ndarray]:
    """Returns the inputs of a request by name; strings are `bytes`.

    Args:
        request: with rows under "instances", or columns under "inputs".
        specs: of the signature that is asked.

    Raises:
        StatusError: values of another kind, rows of different shapes, missing
            inputs.

    Example:

    >>> specs = {"x": tf.TensorSpec((None, 2), tf.float32)}
    >>> read_inputs({"instances": [[1, 2.5]]}, specs)
    {'x': array([[1. , 2.5]], dtype=float32)}
    """
    if is_by_row(request):
        columns = _of_rows(request["instances"], specs)
    else:
        columns = _of_columns(request["inputs"], specs)
    return {
        name: _array(columns[name], spec.dtype) for name, spec in specs.items()
    }


def row_answer(outputs: Arrays) -> dict[str, Any]:
    """Returns the answer to a request of rows.

    Args:
        outputs: by name; of a single one the name is left out.

    Raises:
        StatusError: the outputs do not have as many rows each.
    """
    rows = None
    for name, array in outputs.items():
        if not array.ndim:
            raise refused(f"Tensor name: {name} has no shape information")
        if rows not in (None, len(array)):
            raise refused(
                f"Tensor name: {name} has inconsistent batch size: "
                f"{len(array)} expecting: {rows}"
            )
        rows = len(array)
    columns = {name: _values(name, array) for name, array in outputs.items()}
    return {"predictions": rows_of(columns)}


def column_answer(outputs: Arrays) -> dict[str, Any]:
    """Returns the answer to a request of columns.

    Args:
        outputs: by name; of a single one the name is left out.
    """
    columns = {name: _values(name, array) for name, array in outputs.items()}
    return {"outputs": unnamed(columns)}


def is_base64(value: Any) -> bool:
    """Returns whether a value is {"b64": TEXT}, which stands for bytes."""
    return (
        isinstance(value, dict)
        and value.keys() == {_B64}
        and isinstance(value[_B64], str)
    )


def to_bytes(value: Any) -> bytes:
    """Returns the bytes of a text, or of {"b64": TEXT}.

    Raises:
        StatusError: it is neither.

    Example:

    >>> to_bytes("猫"), to_bytes({"b64": "/wA"})
    (b'\\xe7\\x8c\\xab', b'\\xff\\x00')
    """
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise refused(f"JSON Parse error: {error}") from error
    if not is_base64(value):
        raise refused(
            f"JSON Value: {_shown(value)} not formatted correctly for base64 "
            "data"
        )
    # what stands between the characters, and at the end, may be left out
    text = "".join(value[_B64].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        raise refused("Unable to base64 decode") from error


def to_text(string: bytes) -> str:
    """Returns bytes as a text, which is written as they are.

    TensorFlow Serving does so too, if they are UTF-8 or not.
    """
    return string.decode("utf-8", "surrogateescape")


def _of_rows(rows: Any, specs: Specs) -> Mapping[str, Any]:
    """A list of the values of all rows for each input."""
    if not isinstance(rows, list):
        raise refused("Excepting 'instances' to be an list/array")
    if not rows:
        raise refused("No values in 'instances' array")
    are_objects = _is_object(rows[0])
    for index, row in enumerate(rows):
        if _is_object(row) != are_objects:
            raise refused(
                "Expecting each item of the input list to be an object, or "
                f"none, but item {index} differs"
            )
        if are_objects and row.keys() != specs.keys():
            raise refused(
                f"Failed to process element: {index} of 'instances' list. JSON "
                f"object: {_shown(row)} keys must be equal to: "
                f"{','.join(sorted(specs))}"
            )
    if are_objects:
        return {name: [row[name] for row in rows] for name in specs}
    if len(specs) > 1:
        raise refused(
            "instances is a plain list, but expecting list of objects as "
            f"multiple input tensors required: {','.join(sorted(specs))}"
        )
    return dict.fromkeys(specs, rows)


def _of_columns(columns: Any, specs: Specs) -> Mapping[str, Any]:
    if _is_object(columns):
        for name in sorted(specs):
            if name not in columns:
                raise refused(
                    f"Missing named input: {name} in 'inputs' object."
                )
        return dict(columns)
    if len(specs) > 1:
        raise refused(
            "inputs is a plain value/list, but expecting an object as multiple "
            f"input tensors required: {','.join(sorted(specs))}"
        )
    return dict.fromkeys(specs, columns)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _array(value: Any, dtype: tf.DType) -> np.ndarray:
    shape = _shape(value)
    flat = _flat(value, shape)
    kinds, read = _reader(dtype)
    # an int is no bool, and no bool an int
    wrong = {*map(type, flat)} - kinds
    if wrong:
        found = next(each for each in flat if type(each) in wrong)
        raise refused(_of_type(found, dtype))
    return read(flat, dtype).reshape(shape)


def _shape(value: Any) -> list[int]:
    """The shape of a value, as its first elements have it."""
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if len(shape) > _MOST_SIDES:
            raise refused(f"Lists are nested deeper than {_MOST_SIDES}")
        value = value[0] if value else None
    return shape


def _flat(value: Any, shape: list[int]) -> list[Any]:
    """The elements of nested lists, all of one shape."""
    level = [value]
    for depth, size in enumerate(shape):
        for each in level:
            if not isinstance(each, list):
                raise refused(
                    f"JSON Value: {_shown(each)} found at incorrect level: "
                    f"{depth + 1} in the JSON DOM. Expected at level: "
                    f"{len(shape)}"
                )
            if len(each) != size:
                raise refused(
                    f"Encountered list at unexpected size: {len(each)} at "
                    f"level: {depth} expected size: {size}"
                )
        level = [*itertools.chain.from_iterable(level)]
    if any(isinstance(each, list) for each in level):
        depth = len(shape)
        raise refused(
            f"Encountered list at unexpected level: {depth} expected < {depth}"
        )
    return level


Reader = Callable[[list[Any], tf.DType], np.ndarray]


def _reader(dtype: tf.DType) -> tuple[set[type], Reader]:
    """The kinds of JSON that a type takes, and what reads them."""
    if dtype == tf.string:
        return {str, dict}, _strings
    if dtype == tf.bool:
        return {bool}, _plain
    if dtype.is_integer:
        return {int}, _integers
    if dtype in (tf.float32, tf.float64):
        return {int, float}, _floats
    raise StatusError(
        "UNIMPLEMENTED", f"Conversion of JSON Value to type: {dtype.name}"
    )


def _plain(flat: list[Any], dtype: tf.DType) -> np.ndarray:
    return np.array(flat, dtype.as_numpy_dtype)


def _strings(flat: list[Any], dtype: tf.DType) -> np.ndarray:
    del dtype
    made = np.empty(len(flat), object)
    made[:] = [to_bytes(value) for value in flat]
    return made


def _integers(flat: list[Any], dtype: tf.DType) -> np.ndarray:
    for value in (min(flat), max(flat)) if flat else ():
        if not dtype.min <= value <= dtype.max:
            raise refused(_of_type(value, dtype))
    return _plain(flat, dtype)


def _floats(flat: list[Any], dtype: tf.DType) -> np.ndarray:
    limits = np.finfo(dtype.as_numpy_dtype)
    # the largest whole number below which each one is a float
    exact = 2 ** (limits.nmant + 1) - 1
    for value in flat:
        # larger ones than 64 bits hold are read as floats
        if type(value) is int and exact < abs(value) < 2**64:
            raise refused(_lossy(value, dtype))
    try:
        values = np.array(flat, float)
    except OverflowError:
        raise refused(_lossy(max(flat, key=abs), dtype)) from None
    beyond = np.isfinite(values) & (np.abs(values) > limits.max)
    if beyond.any():
        raise refused(_lossy(values[beyond][0], dtype))
    return values.astype(dtype.as_numpy_dtype)


def _of_type(value: Any, dtype: tf.DType) -> str:
    return f"JSON Value: {_shown(value)} is not of expected type: {dtype.name}"


def _lossy(value: Any, dtype: tf.DType) -> str:
    return (
        f"Cannot convert JSON value: {_shown(value)} to {dtype.name} without "
        "loss of precision."
    )


def _shown(value: Any) -> str:
    """A value as JSON, cut short: a request may be long."""
    text = json.dumps(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _values(name: str, array: np.ndarray) -> Any:
    """An output as JSON; of strings, those of a name with _bytes are b64."""
    if array.dtype == object:
        as_bytes = name.endswith(_BYTES_SUFFIX)
        return _nested(array.tolist(), _base64 if as_bytes else to_text)
    return decimals(array) if array.dtype.kind not in "iub" else array.tolist()


def _nested(value: Any, function: Callable[[bytes], Any]) -> Any:
    if isinstance(value, list):
        return [_nested(each, function) for each in value]
    return function(value)


def _base64(string: bytes) -> dict[str, str]:
    return {_B64: base64.b64encode(string).decode()}
