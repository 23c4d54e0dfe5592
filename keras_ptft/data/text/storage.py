"""Where texts stand: in memory, or in the files they come from."""

import array
import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from keras_ptft.data.text.files import TextFile


class Texts(Protocol):
    """Where the bytes of texts come from."""

    @property
    def hashes(self) -> np.ndarray:
        """The content hash of each text, uint64."""
        ...

    def __len__(self) -> int: ...

    def read(self, numbers: np.ndarray) -> np.ndarray:
        """Texts in UTF-8: an array of `bytes` objects."""
        ...

    def name_of(self, number: int) -> str:
        """What a user knows a text by."""
        ...


class InMemoryTexts:
    """Texts in one buffer in memory, 16 bytes more a text.

    Args:
        path: the file they come from; empty: they are known by number.

    Example:

    >>> texts = InMemoryTexts()
    >>> texts.append("猫".encode())
    >>> texts.append(b"")
    >>> texts.read(np.array([1, 0])).tolist()
    [b'', b'\\xe7\\x8c\\xab']
    """

    def __init__(self, path: object = "") -> None:
        self._path = path
        self._buffer = bytearray()
        self._ends = array.array("q", [0])
        self._lines = array.array("q")
        self._digests = bytearray()

    def __len__(self) -> int:
        return len(self._ends) - 1

    @property
    def hashes(self) -> np.ndarray:
        """The content hash of each text, uint64."""
        return np.frombuffer(bytes(self._digests), "<u8").astype(np.uint64)

    def append(self, text: bytes, line: int = 0) -> None:
        """Adds a text, and the line of the file where it stands."""
        self._buffer += text
        self._ends.append(len(self._buffer))
        self._digests += _digest(text)
        if self._path:
            self._lines.append(line)

    def read(self, numbers: np.ndarray) -> np.ndarray:
        """Texts in UTF-8: an array of `bytes` objects."""
        found = np.empty(len(numbers), object)
        for place, number in enumerate(numbers):
            start, end = self._ends[number], self._ends[number + 1]
            found[place] = bytes(self._buffer[start:end])
        return found

    def name_of(self, number: int) -> str:
        """File and line, or else number."""
        if not self._path:
            return f"number {number}"
        return f"{self._path}, line {self._lines[number]}"


class FileTexts:
    """Texts that stay in their files and are read whenever asked for.

    Args:
        files: where they stand.
        counts: how many texts of each file, in this order.
        starts: int64 of shape (texts,), first byte of each in its file.
        lengths: integers of shape (texts,), bytes of each.
        hashes: uint64 of shape (texts,), the content hash of each.
    """

    def __init__(
        self,
        files: Sequence[TextFile],
        counts: Sequence[int],
        starts: np.ndarray,
        lengths: np.ndarray,
        hashes: np.ndarray,
    ) -> None:
        self.hashes = hashes
        self._files = tuple(files)
        self._ends = np.cumsum(counts)
        self._starts = starts
        self._lengths = lengths

    def __len__(self) -> int:
        return len(self._starts)

    def read(self, numbers: np.ndarray) -> np.ndarray:
        """Texts in UTF-8: an array of `bytes` objects.

        Raises:
            UserError: a file has changed or is gone.
        """
        found = np.empty(len(numbers), object)
        owners = np.searchsorted(self._ends, numbers, "right")
        for owner in np.unique(owners):
            places = np.flatnonzero(owners == owner)
            file = self._files[owner]
            with file.opened() as stream:
                for place in places:
                    start, count = self._span(numbers[place])
                    found[place] = file.read(stream, start, count)
        return found

    def name_of(self, number: int) -> str:
        """The file, and the line unless it is one text."""
        file = self._files[int(np.searchsorted(self._ends, number, "right"))]
        start, count = self._span(number)
        if count == file.end - file.start:
            return str(file.path)
        return f"{file.path}, line {file.line_of(start)}"

    def _span(self, number: int) -> tuple[int, int]:
        return int(self._starts[number]), int(self._lengths[number])


def held(texts: Iterable[bytes]) -> InMemoryTexts:
    """These texts in memory, known by their numbers."""
    found = InMemoryTexts()
    for text in texts:
        found.append(text)
    return found


def text_hashes(texts: Sequence[bytes]) -> np.ndarray:
    """The `content_hash` of each text, uint64 of shape (texts,).

    Example:

    >>> hashes = text_hashes([b"to be", b""])
    >>> hashes[0].tobytes().hex()  # as printf "to be" | b2sum --length=64
    '4fd786f4855f5fa2'
    """
    digests = b"".join(map(_digest, texts))
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=8).digest()
