"""UTF-8 text files, read in parts of bounded size and checked."""

import codecs
import contextlib
import dataclasses
import os
import pathlib
import stat
from collections.abc import Iterator
from typing import BinaryIO

from keras_ptft.errors import UserError

MOST_BYTES = 2**24
"""The longest line, or file that is one example: 16 MB."""

_CHUNK = 2**22
_MARK = codecs.BOM_UTF8


@dataclasses.dataclass(frozen=True)
class TextFile:
    """A text file, which must not change while it is in use.

    Attributes:
        path: its path.
        start: offset of the text, behind a byte order mark.
        end: size in bytes.
        stamp: size and time of its last change.
    """

    path: pathlib.Path
    start: int
    end: int
    stamp: tuple[int, int]

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Opens the file.

        Raises:
            UserError: it cannot be read, or has changed.
        """
        with _readable(self.path), open(self.path, "rb") as stream:
            if _stamp(os.fstat(stream.fileno())) != self.stamp:
                raise self._changed()
            yield stream

    def read(self, stream: BinaryIO, start: int, count: int) -> bytes:
        """Reads exactly `count` bytes of the opened file."""
        stream.seek(start)
        content = stream.read(count)
        if len(content) < count:
            raise self._changed()
        return content

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yields the offset of each line, and the line with its end.

        Raises:
            UserError: not UTF-8, NUL, or a line of more than 16 MB.
        """
        with self.opened() as stream:
            start = stream.seek(self.start)
            while line := stream.readline(MOST_BYTES + 1):
                if len(line) > MOST_BYTES:
                    raise UserError(
                        f"{self.path}, line {self.line_of(start)}: expected "
                        f"a line of at most {MOST_BYTES >> 20} MB, got a "
                        "longer one: break it, or read the file by "
                        "--dataset=text:PATH."
                    )
                yield start, self.checked(start, line)
                start += len(line)
            if start < self.end:
                raise self._changed()

    def blocks(
        self, start: int, end: int, block_size: int
    ) -> Iterator[tuple[int, bytes]]:
        """Yields offset and content of the blocks between two offsets.

        Raises:
            UserError: not UTF-8, or NUL.
        """
        with self.opened() as stream:
            for at, block in cut_blocks(stream, start, end, block_size):
                yield at, self.checked(at, block)
                start = at + len(block)
            if start < end:
                raise self._changed()

    def checked(self, start: int, content: bytes) -> bytes:
        """Returns the content at an offset if it is UTF-8 without NUL.

        Raises:
            UserError: it is not.
        """
        try:
            content.decode()
            index = content.find(b"\0")
        except UnicodeDecodeError as error:
            index = error.start
        if index < 0:
            return content
        byte = content[index]
        raise UserError(
            f"{self.path}, line {self.line_of(start + index)}: expected text "
            f"in UTF-8, got {f'byte 0x{byte:02x}' if byte else 'NUL'}: save "
            "the file as UTF-8."
        )

    def line_of(self, offset: int) -> int:
        """Returns the number of the line at an offset, from 1."""
        with self.opened() as stream:
            return 1 + sum(
                self.read(stream, at, min(_CHUNK, offset - at)).count(b"\n")
                for at in range(0, offset, _CHUNK)
            )

    def _changed(self) -> UserError:
        return UserError(
            f"{self.path} has changed since it was first read, expected the "
            "same file: start again, and do not change it while it is in use."
        )


def text_file(path: str | os.PathLike) -> TextFile:
    """Finds a readable text file.

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
            start = len(_MARK) if stream.read(len(_MARK)) == _MARK else 0
    if found.st_size == start:
        raise UserError(f"{path} is empty, expected text: add some.")
    return TextFile(path, start, found.st_size, _stamp(found))


def decoded_lines(file: TextFile) -> Iterator[str]:
    """Yields the lines of a file with their ends.

    Only line feeds end a line, not the other line ends of Unicode.
    """
    for _, line in file.lines():
        yield line.decode()


def cut_blocks(
    stream: BinaryIO, start: int, end: int, block_size: int
) -> Iterator[tuple[int, bytes]]:
    """Cuts a long text into blocks of whole lines.

    Longer lines are cut between words, or else between characters.

    Args:
        stream: the text.
        start: offset of the first block.
        end: offset of the end of the last one.
        block_size: most bytes of a block.

    Yields:
        The offset of each block, and its content.

    Example:

    >>> import io
    >>> list(cut_blocks(io.BytesIO(b"to be\\nor not\\n"), 0, 13, 8))
    [(0, b'to be\\n'), (6, b'or not\\n')]
    """
    while start < end:
        stream.seek(start)
        block = stream.read(min(block_size, end - start))
        if start + len(block) < end:
            block = block[: block_end(block)]
        if not block:
            return
        yield start, block
        start += len(block)


def block_end(window: bytes) -> int:
    """Returns where the last line, or else word or character, ends.

    Example:

    >>> block_end(b"one\\ntwo thr"), block_end(b"two thr")
    (4, 4)
    >>> block_end("北京".encode()[:-1])
    3
    """
    for mark in (b"\n", b" "):
        if index := window.rfind(mark) + 1:
            return index
    return max(codecs.utf_8_decode(window, "replace", False)[1], 1)


def _stamp(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except (OSError, ValueError) as error:
        # a ValueError is of a path with a NUL
        why = error.strerror if isinstance(error, OSError) else None
        raise UserError(
            f"Cannot read {path}: {why or error}. Check the path and its "
            "permissions."
        ) from None
