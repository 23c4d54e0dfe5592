"""Text files in UTF-8, read piece by piece and checked."""

import codecs
import contextlib
import dataclasses
import os
import pathlib
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

from keras_ptft.errors import UserError

MOST_BYTES = 2**24
"""The longest line or file that is one example: 16 MB."""

_PIECE = 2**22
_MARK = codecs.BOM_UTF8


@dataclasses.dataclass(frozen=True)
class TextFile:
    """A file as it was when it was first looked at.

    Attributes:
        path: where it is.
        start: number of its first byte of text, behind a byte order mark.
        end: number of bytes.
        stamp: what changes when the file does.
    """

    path: pathlib.Path
    start: int
    end: int
    stamp: tuple[int, int]

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The file, unbuffered.

        Raises:
            UserError: it cannot be read, or has changed since.
        """
        with _readable(self.path), open(self.path, "rb", 0) as stream:
            if _stamp(os.fstat(stream.fileno())) != self.stamp:
                raise _changed(self.path)
            yield stream

    def read(self, stream: BinaryIO, start: int, count: int) -> bytes:
        """Bytes of the file that `opened` gave, as many as asked for."""
        stream.seek(start)
        content = stream.read(count)
        while len(content) < count:
            more = stream.read(count - len(content))
            if not more:
                raise _changed(self.path)
            content += more
        return content

    def line_of(self, offset: int) -> int:
        """Number of the line in which a byte stands, from 1."""
        line = 1
        with self.opened() as stream:
            for start in range(0, offset, _PIECE):
                count = min(_PIECE, offset - start)
                line += self.read(stream, start, count).count(b"\n")
        return line


def text_file(path: str | os.PathLike) -> TextFile:
    """A file that can be read and is not empty.

    Raises:
        UserError: there is none, or it is a folder, a pipe or empty.
    """
    path = pathlib.Path(path).expanduser()
    with _readable(path):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            is_folder = stat.S_ISDIR(found.st_mode)
            raise UserError(
                f"{path} must be a text file, but it is a "
                f"{'folder' if is_folder else 'pipe or a device'}: give a "
                "file."
            )
        with open(path, "rb") as stream:
            marked = stream.read(len(_MARK)) == _MARK
    start = len(_MARK) if marked else 0
    if found.st_size == start:
        raise UserError(f"{path} is empty, expected text: add some.")
    return TextFile(path, start, found.st_size, _stamp(found))


def whole_lines(file: TextFile) -> Iterator[tuple[int, bytes]]:
    """A file in pieces of a few megabytes that end where a line does.

    Yields:
        (number of its first byte, the piece).

    Raises:
        UserError: what is no UTF-8, NUL, or a line of more than 16 MB.
    """
    return pieces(file, file.start, file.end, _PIECE, _line_end)


def pieces(
    file: TextFile,
    start: int,
    end: int,
    size: int,
    cut: Callable[[bytes], int],
) -> Iterator[tuple[int, bytes]]:
    """Part of a file, piece by piece.

    Args:
        file: the file.
        start: number of the first byte.
        end: number of the first byte behind.
        size: bytes that a piece has at most, unless `cut` finds no end.
        cut: a window → how many of its bytes are a piece, 0 where it holds
            no end of one.

    Yields:
        (number of its first byte, the piece); together they are the part.

    Raises:
        UserError: what is no UTF-8, NUL, or no end within 16 MB.
    """
    with file.opened() as stream:
        while start < end:
            count, width = 0, size
            while not count:
                window = file.read(stream, start, min(width, end - start))
                last = start + len(window) == end
                count = len(window) if last else cut(window)
                if not count and width >= MOST_BYTES:
                    raise _too_long(file, start)
                width *= 2
            yield start, _checked(file, start, window[:count])
            start += count


def block_end(window: bytes) -> int:
    """Where the last line of a window ends, or else word, or character.

    Example:

    >>> block_end(b"one\\ntwo thr"), block_end(b"two thr")
    (4, 4)
    >>> block_end("北京".encode()[:-1])
    3
    """
    for mark in (b"\n", b" "):
        if place := window.rfind(mark) + 1:
            return place
    return max(codecs.utf_8_decode(window, "replace", False)[1], 1)


def decoded_lines(file: TextFile) -> Iterator[str]:
    """The lines of a file, each with its end, as `str`."""
    for _, piece in whole_lines(file):
        yield from (f"{line}\n" for line in _split(piece.decode()))


def _split(text: str) -> list[str]:
    # not str.splitlines, which also breaks at the line ends of Unicode
    return text.removesuffix("\n").split("\n")


def _line_end(window: bytes) -> int:
    return window.rfind(b"\n") + 1


def _checked(file: TextFile, start: int, content: bytes) -> bytes:
    try:
        content.decode()
        place = content.find(b"\0")
    except UnicodeDecodeError as error:
        place = error.start
    if place < 0:
        return content
    what = "NUL" if not content[place] else f"byte 0x{content[place]:02x}"
    raise UserError(
        f"{file.path}, line {file.line_of(start + place)}: expected text in "
        f"UTF-8, got {what}: save the file as UTF-8."
    )


def _too_long(file: TextFile, start: int) -> UserError:
    return UserError(
        f"{file.path}, line {file.line_of(start)}: expected a line of at "
        f"most {MOST_BYTES >> 20} MB, got a longer one: break it, or read "
        "the file by --dataset=text:PATH."
    )


def _stamp(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns


def _changed(path: pathlib.Path) -> UserError:
    return UserError(
        f"{path} has changed since it was first read, expected the same "
        "file: start again, and let it be while it is in use."
    )


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"Cannot read {path}: {why}. Check the path and its permissions."
        ) from None
