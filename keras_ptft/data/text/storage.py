"""Storage of texts: in memory, or in the files they come from."""

import array
import pathlib
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.text.files import TextFile


class TextStorage(Protocol):
    """Texts that are read by index."""

    @property
    def hashes(self) -> np.ndarray:
        """The content hash of each text, uint64 of shape (texts,)."""
        ...

    def __len__(self) -> int: ...

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns texts in UTF-8, an array of `bytes` objects.

        Raises:
            UserError: their file has changed or is gone.
        """
        ...

    def name_of(self, index: int) -> str:
        """Returns what a user knows a text by."""
        ...


class InMemoryTexts(TextStorage):
    """Texts in one buffer in memory, with 24 bytes more for each text.

    Args:
        path: the file they come from; None: they are known by index.

    Example:

    >>> texts = InMemoryTexts()
    >>> texts.append("猫".encode())
    >>> texts.append(b"")
    >>> texts.read(np.array([1, 0])).tolist()
    [b'', b'\\xe7\\x8c\\xab']
    """

    def __init__(self, path: pathlib.Path | None = None) -> None:
        self._path = path
        self._buffer = bytearray()
        self._ends = array.array("q", [0])
        self._lines = array.array("q")
        self._hashes = array.array("Q")

    @property
    def hashes(self) -> np.ndarray:
        return np.array(self._hashes, np.uint64)

    def __len__(self) -> int:
        return len(self._hashes)

    def append(self, text: bytes, line: int = 0) -> None:
        """Adds a text, and the number of its line in the file."""
        self._buffer += text
        self._ends.append(len(self._buffer))
        self._lines.append(line)
        self._hashes.append(int(content_hash(text)))

    def read(self, indices: np.ndarray) -> np.ndarray:
        found = np.empty(len(indices), object)
        for position, index in enumerate(indices):
            start, end = self._ends[index], self._ends[index + 1]
            found[position] = bytes(self._buffer[start:end])
        return found

    def name_of(self, index: int) -> str:
        if self._path is None:
            return f"example {index}"
        return f"{self._path}, line {self._lines[index]}"


class FileTexts(TextStorage):
    """Texts that stay in their files; 24 bytes of memory for each.

    They are read again at each call of `read`.
    """

    def __init__(self) -> None:
        self._files: list[TextFile] = []
        self._owners = array.array("i")
        self._starts = array.array("q")
        self._lengths = array.array("i")
        self._hashes = array.array("Q")

    @property
    def hashes(self) -> np.ndarray:
        return np.array(self._hashes, np.uint64)

    def __len__(self) -> int:
        return len(self._hashes)

    def append(self, file: TextFile, start: int, text: bytes) -> None:
        """Adds the text at an offset of a file, one file after another."""
        if not self._files or self._files[-1] is not file:
            self._files.append(file)
        self._owners.append(len(self._files) - 1)
        self._starts.append(start)
        self._lengths.append(len(text))
        self._hashes.append(int(content_hash(text)))

    def read(self, indices: np.ndarray) -> np.ndarray:
        found = np.empty(len(indices), object)
        owners = np.array([self._owners[index] for index in indices])
        for owner in np.unique(owners).tolist():
            file = self._files[owner]
            with file.opened() as stream:
                for position in np.flatnonzero(owners == owner):
                    start, count = self._span(indices[position])
                    found[position] = file.read(stream, start, count)
        return found

    def name_of(self, index: int) -> str:
        """Returns the file, and the line unless the file is one text."""
        file = self._files[self._owners[index]]
        start, count = self._span(index)
        if count == file.end - file.start:
            return str(file.path)
        return f"{file.path}, line {file.line_of(start)}"

    def _span(self, index: int) -> tuple[int, int]:
        return self._starts[index], self._lengths[index]


def in_memory(texts: Iterable[bytes]) -> InMemoryTexts:
    """Stores texts in memory, known by index."""
    stored = InMemoryTexts()
    for text in texts:
        stored.append(text)
    return stored
