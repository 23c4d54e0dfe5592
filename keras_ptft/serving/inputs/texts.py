"""Reads texts from the command line, from files and from stdin."""

import itertools
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from keras_ptft.data.tables.labels import as_text
from keras_ptft.data.tables.table import TABLES, Table, open_table
from keras_ptft.data.text.files import decoded_lines, text_file
from keras_ptft.data.text.pairs import joined, named_columns
from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.table_rows import rows_of

Batch = tuple[list[str], np.ndarray]
ENDINGS = (".txt", *TABLES)
STDIN = "-"
_SHOWN = 60


def text_batches(
    inputs: Sequence[str | os.PathLike],
    *,
    text_column: str = "",
    trained_columns: Sequence[str] = (),
    batch_size: int = 256,
) -> Iterator[Batch]:
    """Reads texts in batches, each from one input.

    Args:
        inputs: `.txt` files with one text per line; tables; "-", for the
            lines of the standard input; any other word is a text itself.
        text_column: column of the texts, or several with commas between
            them, which make one text; empty: those of training.
        trained_columns: columns of the texts in training; none: "text".
        batch_size: largest number of texts in a batch.

    Yields:
        A name for each text, and the texts, an array of `bytes` of shape
        (at most batch_size,). A text of a file is named by its index, as
        `file[3]`, any other by its first 60 characters.

    Raises:
        UserError: no input, or a file that is missing or cannot be read.
    """
    if not inputs:
        raise UserError("Expected a text or a file of texts to predict.")
    words = [os.fspath(word) for word in inputs]
    for word in words:
        _check(word)
    columns = named_columns(text_column)
    for word in words:
        texts = _read(word, columns, trained_columns)
        for start, batch in cut(texts, batch_size, word):
            yield _names(word, batch, start), batch


def cut(
    texts: Iterator[bytes], batch_size: int, where: str | os.PathLike
) -> Iterator[tuple[int, np.ndarray]]:
    """Cuts texts into batches, at least one.

    Args:
        texts: all of them.
        batch_size: largest number of texts in a batch.
        where: what they come from, for errors.

    Yields:
        The index of the first text, and the texts, an array of `bytes`.

    Raises:
        UserError: there is none.
    """
    start = 0
    while some := list(itertools.islice(texts, batch_size)):
        yield start, np.array(some, object)
        start += len(some)
    if not start:
        raise UserError(f"Expected a text in {where}, got none: add some.")


def shortened(text: bytes) -> str:
    """Returns the beginning of a text, on one line.

    Example:

    >>> shortened("Wie\\n geht's? ".encode() * 9)
    "Wie geht's? Wie geht's? Wie geht's? Wie geht's? Wie geht'..."
    """
    # a text may have megabytes, its first characters are enough
    shown = text[: 40 * _SHOWN].decode("utf-8", "replace")
    shown = " ".join(shown.split())
    if len(shown) <= _SHOWN:
        return shown
    return f"{shown[: _SHOWN - 3]}..."


def _check(word: str) -> None:
    """Refuses files that cannot be read before any is read."""
    exists = os.path.exists(word)
    if _is_file(word):
        if not exists:
            raise UserError(f"No such input: {word}; check the path.")
    elif exists and (os.path.isdir(word) or pathlib.Path(word).suffix):
        raise UserError(
            f"Cannot read {word}: expected a text itself, - for lines of the "
            f"standard input, or a file ending in {', '.join(ENDINGS)}."
        )


def _is_file(word: str) -> bool:
    return pathlib.PurePath(word).suffix.lower() in ENDINGS


def _read(
    word: str, chosen: Sequence[str], trained: Sequence[str]
) -> Iterator[bytes]:
    if word == STDIN:
        yield from _stdin_lines()
    elif not _is_file(word):
        # as the command line gave it, even if that is no UTF-8
        yield os.fsencode(word)
    elif pathlib.PurePath(word).suffix.lower() == ".txt":
        for line in decoded_lines(text_file(word)):
            yield line.removesuffix("\n").removesuffix("\r").encode()
    else:
        yield from texts_of(open_table(word), chosen, trained)


def texts_of(
    table: Table, chosen: Sequence[str], trained: Sequence[str]
) -> Iterator[bytes]:
    """Yields the text of each row of a table.

    Args:
        table: as it was opened.
        chosen: the columns of the text; none: those of training.
        trained: columns of the texts in training; none: "text".

    Raises:
        UserError: a column is missing, or a cell is no text.
    """
    columns = chosen or trained or ("text",)
    for column in columns:
        table.find(column, "--text_column")
    for number, cells in rows_of(
        table, columns, trained=bool(trained) and not chosen
    ):
        texts = [
            as_text(cell, table, number, column)
            for cell, column in zip(cells, columns, strict=True)
        ]
        yield joined(texts).encode("utf-8", "replace")


def _stdin_lines() -> Iterator[bytes]:
    # Python has none where the standard input is closed
    for line in sys.stdin.buffer if sys.stdin else ():
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def _names(word: str, texts: Iterable[bytes], start: int) -> list[str]:
    if word != STDIN and _is_file(word):
        return [f"{word}[{i}]" for i, _ in enumerate(texts, start)]
    return [shortened(text) for text in texts]
