"""Files of results, written as these come, there whole or not at all."""

import contextlib
import csv
import json
import os
import sys
from collections.abc import (
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager
from typing import Any, Protocol

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.serving.inference.results import Cells, Result

TERMINAL = "-"
"""The path of an output that goes to the standard output."""

Write = Callable[[Sequence[Cells]], None]
"""Writes more rows, at least one, all with the same columns."""

_DIGITS = 6
_GROUP = 65_536


@contextlib.contextmanager
def csv_rows(path: str) -> Iterator[Write]:
    """Writes a heading, then a line a row.

    Args:
        path: the file, or "-" for the standard output.
    """
    with _text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        headings = [True]

        def write(rows: Sequence[Cells]) -> None:
            if headings:
                writer.writerow(rows[0])
                headings.clear()
            writer.writerows(map(_decimals, rows))

        yield write


@contextlib.contextmanager
def json_rows(path: str) -> Iterator[Write]:
    """Writes a JSON object a line.

    Args:
        path: the file, or "-" for the standard output.
    """
    with _text(path) as file:

        def write(rows: Sequence[Cells]) -> None:
            # a file's name that is no valid text becomes an escape of JSON
            lines = (json.dumps(_rounded(r), ensure_ascii=False) for r in rows)
            file.write("".join(f"{line}\n" for line in lines))

        yield write


@contextlib.contextmanager
def parquet_rows(path: str) -> Iterator[Write]:
    """Writes a Parquet file in row groups of 65,536 rows or more.

    Args:
        path: the file.
    """
    # takes a second, and most predictions need it not
    import pyarrow as pa
    from pyarrow import parquet

    waiting: list[Cells] = []
    with files.replacing(path) as partial, contextlib.ExitStack() as stack:
        opened: list[Any] = []

        def write_group() -> None:
            table = pa.Table.from_pylist(list(map(_valid, waiting)))
            if not opened:
                file = parquet.ParquetWriter(partial, table.schema)
                opened.append(stack.enter_context(file))
            opened[0].write_table(table)
            waiting.clear()

        def write(rows: Sequence[Cells]) -> None:
            waiting.extend(rows)
            if len(waiting) >= _GROUP:
                write_group()

        yield write
        if waiting:
            write_group()


WRITERS: dict[str, Callable[[str], AbstractContextManager[Write]]] = {
    "csv": csv_rows,
    "jsonl": json_rows,
    "parquet": parquet_rows,
}
"""A setting of `PredictConfig`, and what writes the file it names."""

_FOR_TERMINALS = ("csv", "jsonl")


def check_outputs(
    outputs: Mapping[str, str], inputs: Iterable[str | os.PathLike]
) -> None:
    """Refuses outputs that cannot be written, before any work.

    Args:
        outputs: entry of WRITERS to a path or "-".
        inputs: what is read meanwhile, which must not be replaced.

    Raises:
        UserError: one of them cannot be written or is an input, or two are
            one file.
    """
    # inputs may be texts, which are no paths
    read = {os.path.realpath(path) for path in inputs if os.path.exists(path)}
    taken: dict[str, str] = {}
    for name, path in outputs.items():
        place = path if path == TERMINAL else os.path.realpath(path)
        if place in taken:
            raise UserError(
                f"--{taken[place]}={path} and --{name}={path} must be two "
                "files, but they are one: choose another for one of them."
            )
        taken[place] = name
        if path != TERMINAL:
            files.check_file(path, name)
        elif name not in _FOR_TERMINALS:
            raise UserError(
                f"--{name}=- would write to the terminal what is no text: "
                "give a file."
            )
        if path != TERMINAL and place in read:
            raise UserError(
                f"--{name}={path} must be another file than the inputs, but "
                "it is one of them: choose another."
            )


def written(
    batches: Iterator[Sequence[Result]], outputs: Mapping[str, str]
) -> Generator[Result, None, None]:
    """Yields results as they come, and writes them to all outputs.

    The files appear after the last result, and not if there is an error or
    the generator is closed before.

    Args:
        batches: results, at least one in each part.
        outputs: entry of WRITERS to a path or "-".

    Raises:
        UserError: a file cannot be written.
    """
    try:
        with contextlib.ExitStack() as stack:
            writers: list[Write] = []
            for rows in _passed(batches):
                if not writers:
                    writers = [
                        stack.enter_context(WRITERS[name](path))
                        for name, path in outputs.items()
                    ]
                cells = [row.cells() for row in rows] if writers else []
                for write in writers:
                    write(cells)
                yield from rows
    except _PassedError as passed:
        raise passed.error from None


class _PassedError(Exception):
    """An OSError that is not of the files which are written meanwhile."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


class _Lines(Protocol):
    def write(self, text: str, /) -> object: ...


class _Terminal:
    """The standard output; whoever reads it may leave."""

    def write(self, text: str, /) -> None:
        try:
            sys.stdout.write(text)
        except OSError as error:
            raise _PassedError(error) from error


def _passed(batches: Iterator[Sequence[Result]]) -> Iterator[Sequence[Result]]:
    try:
        yield from batches
    except OSError as error:
        raise _PassedError(error) from error


@contextlib.contextmanager
def _text(path: str) -> Iterator[_Lines]:
    if path == TERMINAL:
        yield _Terminal()
        return
    with (
        files.replacing(path) as partial,
        # the name of a file may not be valid text
        partial.open("w", -1, "utf-8", "backslashreplace", "") as file,
    ):
        yield file


def _decimals(row: Cells) -> list[str]:
    return [
        _decimal(cell) if isinstance(cell, float) else cell
        for cell in row.values()
    ]


def _decimal(number: float) -> str:
    """Six decimals, or as many digits of what is near 0."""
    is_near = 0 < abs(number) < 10.0 ** (3 - _DIGITS)
    return f"{number:.{_DIGITS}{'g' if is_near else 'f'}}"


def _rounded(row: Cells) -> Cells:
    return {
        name: float(_decimal(cell)) if isinstance(cell, float) else cell
        for name, cell in row.items()
    }


def _valid(row: Cells) -> Cells:
    """A row whose text is valid, as in files of text."""
    return {
        name: cell
        if isinstance(cell, float)
        else cell.encode("utf-8", "backslashreplace").decode()
        for name, cell in row.items()
    }
