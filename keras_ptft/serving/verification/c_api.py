"""Runs a SavedModel by the C API in TensorFlow's library, without TensorFlow.

`TF_LoadSessionFromSavedModel` is the loader of TensorFlow Serving. Any
TensorFlow serves, such as an older one in an unpacked wheel; the process must
not import one of its own. The functions are those of tensorflow/c/c_api.h and
tf_tensor.h, the layout of strings is that of tsl/platform/ctstring_internal.h.
"""

import contextlib
import ctypes
import os
import pathlib
import struct
from collections.abc import Iterator, Mapping

import numpy as np

from keras_ptft.errors import UserError
from keras_ptft.serving.verification.cases import Arrays, Mismatch, check_names
from keras_ptft.serving.verification.wire import (
    STRING,
    TensorInfo,
    signatures,
)

# a DataType without an entry has none in NumPy
_DTYPES: dict[int, type] = {
    1: np.float32,
    2: np.float64,
    3: np.int32,
    4: np.uint8,
    5: np.int16,
    6: np.int8,
    9: np.int64,
    10: np.bool_,
    17: np.uint16,
    19: np.float16,
    22: np.uint32,
    23: np.uint64,
}
# a string has 24 bytes, of which the lowest 2 bits of the first say how
_STRING_SIZE = 24
_SMALL, _LARGE, _OFFSET, _VIEW = range(4)


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("deallocator", ctypes.c_void_p),
    )


class _Output(ctypes.Structure):
    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


_int, _size, _text = ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
_any, _buffer = ctypes.c_void_p, ctypes.POINTER(_Buffer)
_run = [_any, _any, _any, _any, _int, _any, _any, _int, _any, _int, _any, _any]
_load = [_any, _any, _text, _any, _int, _any, _buffer, _any]
_FUNCTIONS: dict[str, tuple] = {
    "TF_Version": (_text, []),
    "TF_NewStatus": (_any, []),
    "TF_GetCode": (_int, [_any]),
    "TF_Message": (_text, [_any]),
    "TF_DeleteStatus": (None, [_any]),
    "TF_NewBuffer": (_buffer, []),
    "TF_DeleteBuffer": (None, [_buffer]),
    "TF_GetAllOpList": (_buffer, []),
    "TF_NewGraph": (_any, []),
    "TF_NewSessionOptions": (_any, []),
    "TF_LoadSessionFromSavedModel": (_any, _load),
    "TF_GraphOperationByName": (_any, [_any, _text]),
    "TF_SessionRun": (None, _run),
    "TF_AllocateTensor": (_any, [_int, _any, _int, _size]),
    "TF_DeleteTensor": (None, [_any]),
    "TF_TensorType": (_int, [_any]),
    "TF_NumDims": (_int, [_any]),
    "TF_Dim": (ctypes.c_int64, [_any, _int]),
    "TF_TensorByteSize": (_size, [_any]),
    "TF_TensorData": (_any, [_any]),
}


def find_libraries(folder: str | os.PathLike) -> list[pathlib.Path]:
    """Returns TensorFlow's libraries in a folder, in the order to load them.

    Args:
        folder: an installed `tensorflow`, or an unpacked wheel.

    Raises:
        UserError: they are not there.
    """
    for place in (pathlib.Path(folder), pathlib.Path(folder, "tensorflow")):
        for name in ("libtensorflow_{}.so.2", "libtensorflow_{}.2.dylib"):
            found = [place / name.format(x) for x in ("framework", "cc")]
            if all(path.is_file() for path in found):
                return found
    raise UserError(
        f"Expected TensorFlow's libraries libtensorflow_cc and "
        f"libtensorflow_framework in {os.fspath(folder)}, got none: name the "
        "folder of an unpacked TensorFlow wheel, as `unzip` makes it."
    )


def load_library(folder: str | os.PathLike) -> ctypes.CDLL:
    """Loads TensorFlow's library; a process can have only one.

    Args:
        folder: as in `find_libraries`.

    Raises:
        UserError: it is not there, or is none for this machine.
    """
    try:
        for path in find_libraries(folder):
            library = ctypes.CDLL(os.fspath(path))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise UserError(
            f"Expected TensorFlow's library for this machine in "
            f"{os.fspath(folder)}, got: {error}; take another wheel."
        ) from error
    return library


class Session:
    """A SavedModel that TensorFlow's library has loaded.

    It is there until the process ends.

    Args:
        library: of `load_library`.
        folder: of the SavedModel.

    Attributes:
        signatures: name to inputs and outputs.

    Raises:
        Mismatch: the library cannot load it.
    """

    def __init__(self, library: ctypes.CDLL, folder: str | os.PathLike) -> None:
        self._library = library
        self._graph = library.TF_NewGraph()
        options, tags = library.TF_NewSessionOptions(), (_text * 1)(b"serve")
        buffer = library.TF_NewBuffer()
        path = os.fsencode(folder)
        with self._status() as status:
            self._session = library.TF_LoadSessionFromSavedModel(
                *(options, None, path, tags, 1, self._graph, buffer, status)
            )
        found = buffer.contents
        message = ctypes.string_at(found.data, found.length)
        library.TF_DeleteBuffer(buffer)
        self.signatures = signatures(message)

    def run(self, name: str, inputs: Arrays) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature by name.

        Args:
            name: of the signature.
            inputs: input name to array; strings are `bytes`.

        Raises:
            Mismatch: other inputs, or an error of TensorFlow.
        """
        endpoint = self.signatures[name]
        check_names("input", endpoint.inputs, inputs)
        # the bytes of strings, which tensors point to, stay until the end
        tensors, kept = [], []
        for key, info in endpoint.inputs.items():
            memory = _as_memory(inputs[key], info.dtype)
            kept.append(memory)
            tensors.append(
                self._tensor(memory[0], inputs[key].shape, info.dtype)
            )
        found = (_any * len(endpoint.outputs))()
        try:
            self._run(endpoint.inputs, tensors, endpoint.outputs, found)
            return dict(
                zip(endpoint.outputs, map(self._array, found), strict=True)
            )
        finally:
            for tensor in (*tensors, *found):
                self._library.TF_DeleteTensor(tensor)

    def _run(
        self,
        inputs: Mapping[str, TensorInfo],
        tensors: list[int],
        outputs: Mapping[str, TensorInfo],
        found: ctypes.Array,
    ) -> None:
        fed = self._outputs(inputs), (_any * len(tensors))(*tensors)
        with self._status() as status:
            self._library.TF_SessionRun(
                *(self._session, None, *fed, len(tensors)),
                *(self._outputs(outputs), found, len(outputs)),
                *(None, 0, None, status),
            )

    def _outputs(self, tensors: Mapping[str, TensorInfo]) -> ctypes.Array:
        """Where tensors are in the graph."""
        places = []
        for tensor in tensors.values():
            name, _, index = tensor.name.partition(":")
            operation = self._library.TF_GraphOperationByName(
                self._graph, name.encode()
            )
            places.append(_Output(operation, int(index)))
        return (_Output * len(places))(*places)

    def _tensor(
        self, memory: np.ndarray, shape: tuple[int, ...], dtype: int
    ) -> int:
        sizes = (ctypes.c_int64 * len(shape))(*shape)
        tensor: int = self._library.TF_AllocateTensor(
            dtype, sizes, len(shape), memory.nbytes
        )
        place = self._library.TF_TensorData(tensor)
        ctypes.memmove(place, memory.ctypes.data, memory.nbytes)
        return tensor

    def _array(self, tensor: int) -> np.ndarray:
        library = self._library
        dtype = library.TF_TensorType(tensor)
        axes = range(library.TF_NumDims(tensor))
        shape = tuple(library.TF_Dim(tensor, axis) for axis in axes)
        place = library.TF_TensorData(tensor)
        if dtype == STRING:
            count = int(np.prod(shape))
            texts = [_read_text(place, index) for index in range(count)]
            return np.array(texts, object).reshape(shape)
        array = np.empty(shape, _numpy_dtype(dtype))
        ctypes.memmove(array.ctypes.data, place, array.nbytes)
        return array

    @contextlib.contextmanager
    def _status(self) -> Iterator[int]:
        """Gives what a call tells its error by, which is then raised."""
        status = self._library.TF_NewStatus()
        try:
            yield status
            if self._library.TF_GetCode(status):
                message = self._library.TF_Message(status)
                raise Mismatch(message.decode(errors="replace"))
        finally:
            self._library.TF_DeleteStatus(status)


def _as_memory(array: np.ndarray, dtype: int) -> tuple[np.ndarray, ...]:
    """The memory of a tensor, and what it points to."""
    if dtype != STRING:
        return (np.ascontiguousarray(array, _numpy_dtype(dtype)),)
    texts = array.ravel().tolist()
    joined = np.frombuffer(b"".join(texts) + b"\0", np.uint8)
    lengths = np.array([len(text) for text in texts], np.uint64)
    starts = np.cumsum(lengths, dtype=np.uint64) - lengths
    # views, which own nothing: their size, where they begin, no owner
    views = np.zeros((len(texts), 3), np.uint64)
    views[:, 0] = lengths * np.uint64(4) + np.uint64(_VIEW)
    views[:, 1] = starts + np.uint64(joined.ctypes.data)
    return views, joined


def _read_text(place: int, index: int) -> bytes:
    """The string of an index in the memory of a tensor."""
    place += _STRING_SIZE * index
    raw = ctypes.string_at(place, _STRING_SIZE)
    kind = raw[0] & 3
    if kind == _SMALL:
        return raw[1 : 1 + (raw[0] >> 2)]
    if kind == _OFFSET:
        size, offset = struct.unpack_from("<2I", raw)
        return ctypes.string_at(place + offset, size >> 2)
    size, second, third = struct.unpack("<3Q", raw)
    start = third if kind == _LARGE else second
    return ctypes.string_at(start, size >> 2)


def _numpy_dtype(dtype: int) -> type:
    if dtype not in _DTYPES:
        raise Mismatch(f"NumPy has no numbers of TensorFlow's type {dtype}")
    return _DTYPES[dtype]
