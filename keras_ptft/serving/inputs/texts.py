"""What a user wants predictions for: texts, in files or as they are."""

import itertools
import os
import pathlib
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from keras_ptft.data.text.files import decoded_lines, text_file
from keras_ptft.data.text.readers import long_cells, rows
from keras_ptft.errors import UserError

Batch = tuple[list[str], np.ndarray]
ENDINGS = (".txt", ".csv", ".tsv", ".jsonl")
STDIN = "-"
_SHOWN = 60


def text_batches(
    inputs: Sequence[str | os.PathLike],
    *,
    text_column: str = "",
    batch_size: int = 256,
) -> Iterator[Batch]:
    """Reads texts, a batch of one input's at a time.

    Args:
        inputs: `.txt` files of a text a line; `.csv`, `.tsv` or `.jsonl`
            files; "-", for the lines of the standard input; and any other
            word is a text itself.
        text_column: column of the texts; empty: "text".
        batch_size: most texts at a time.

    Yields:
        A name for each text, and the texts, an array of `bytes` of shape
        (at most batch_size,). A text of a file is named by its place, as
        `file[3]`, any other by itself, as far as one reads it at a glance.

    Raises:
        UserError: no input, or a file that is missing or cannot be read.
    """
    if not inputs:
        raise UserError("Expected a text or a file of texts to predict.")
    inputs = [os.fspath(word) for word in inputs]
    for word in inputs:
        _check(word)
    for word in inputs:
        texts = _read(word, text_column or "text")
        place = 0
        while some := list(itertools.islice(texts, batch_size)):
            yield _names(word, some, place), np.array(some, object)
            place += len(some)
        if not place:
            raise UserError(f"Expected a text in {word}, got none: add some.")


def shortened(text: bytes) -> str:
    """The beginning of a text, on one line.

    Example:

    >>> shortened("Wie\\n geht's? ".encode() * 9)
    "Wie geht's? Wie geht's? Wie geht's? Wie geht's? Wie geht'..."
    """
    # what makes a line of a hundred thousand characters is not looked for
    shown = text[: 40 * _SHOWN].decode("utf-8", "replace")
    shown = " ".join(shown.split())
    if len(shown) <= _SHOWN:
        return shown
    return f"{shown[: _SHOWN - 3]}..."


def _check(word: str) -> None:
    """Finds files that cannot be read before any is."""
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


def _read(word: str, column: str) -> Iterator[bytes]:
    if word == STDIN:
        yield from _stdin_lines()
    elif not _is_file(word):
        # as the command line gave it, even if that is no UTF-8
        yield os.fsencode(word)
    elif (ending := pathlib.PurePath(word).suffix.lower()) == ".txt":
        for line in decoded_lines(text_file(word)):
            yield line.removesuffix("\n").removesuffix("\r").encode()
    else:
        with long_cells():
            for _, text, _ in rows(text_file(word), ending[1:], (column, "")):
                yield text.encode("utf-8", "replace")


def _stdin_lines() -> Iterator[bytes]:
    # None where it is closed
    stream = getattr(sys.stdin, "buffer", ())
    for line in stream:
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def _names(word: str, texts: Sequence[bytes], place: int) -> list[str]:
    if word != STDIN and _is_file(word):
        return [f"{word}[{place + i}]" for i in range(len(texts))]
    return [shortened(text) for text in texts]
