"""Reads the signatures of a SavedModel from its bytes.

The classes of TensorFlow's messages come with TensorFlow, which a process
cannot import that loads the library of another one. So the few fields that
are needed are read here (protobuf.dev/programming-guides/encoding).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

STRING = 7
"""The DataType of strings."""

# numbers of fields
_SIGNATURES = 5
_INPUTS, _OUTPUTS = 1, 2
_NAME, _DTYPE = 1, 2
_KEY, _VALUE = 1, 2
# bytes of the kinds of fields that have a fixed size
_SIZES = {1: 8, 5: 4}


class TensorInfo(NamedTuple):
    """A tensor of a graph.

    Attributes:
        name: as "serving_default_image:0".
        dtype: number of its DataType.
    """

    name: str
    dtype: int


class Endpoint(NamedTuple):
    """The tensors of a signature.

    Attributes:
        inputs: by the names that clients use.
        outputs: likewise.
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yields the number and the value of each field of a message.

    Args:
        message: encoded.

    Yields:
        A number is an int; a string, a message or what has a fixed size is
        bytes.

    Example:

    >>> list(fields(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69])))
    [(1, 150), (2, b'hi')]
    """
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        if tag & 7 == 0:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        size = _SIZES.get(tag & 7)
        if size is None:
            size, position = _varint(message, position)
        yield tag >> 3, message[position : position + size]
        position += size


def signatures(meta_graph: bytes) -> dict[str, Endpoint]:
    """Returns the signatures in a MetaGraphDef by name.

    Args:
        meta_graph: encoded.
    """
    found = {}
    for number, value in fields(meta_graph):
        if number == _SIGNATURES:
            name, signature = _entry(value)
            # how a SavedModel initialises itself; clients do not call it
            if not name.startswith("__saved_model"):
                found[name] = _endpoint(signature)
    return found


def _endpoint(signature: bytes) -> Endpoint:
    found: dict[int, dict[str, TensorInfo]] = {_INPUTS: {}, _OUTPUTS: {}}
    for number, value in fields(signature):
        if number in found:
            key, tensor = _entry(value)
            info = dict(fields(tensor))
            name = info[_NAME].decode()
            found[number][key] = TensorInfo(name, info[_DTYPE])
    return Endpoint(found[_INPUTS], found[_OUTPUTS])


def _entry(message: bytes) -> tuple[str, bytes]:
    """A key of a map and its value."""
    found = dict(fields(message))
    return found.get(_KEY, b"").decode(), found.get(_VALUE, b"")


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """A number, and the position behind it."""
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
