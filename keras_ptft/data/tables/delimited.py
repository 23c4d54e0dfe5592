"""Tables of cells with a sign between them: CSV and TSV."""

import csv
import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from keras_ptft.data.tables.base import Row, Table
from keras_ptft.data.tables.numbers import is_number
from keras_ptft.data.text.files import (
    MOST_BYTES,
    TextFile,
    decoded_lines,
    text_file,
)
from keras_ptft.errors import UserError

# a comma wins where others would do as well
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SNIFFED = 20

Cells = list[str]


class _DelimitedTable(Table):
    """A text file of cells; its first line names the columns.

    Args:
        path: the file, in UTF-8.
        heading: columns of a trained model's table; see `open_table`.
        dialect: how cells are told apart, for `csv.reader`.
        notes: what was guessed of it.
    """

    def __init__(
        self,
        path: pathlib.Path,
        heading: Sequence[str] | None,
        dialect: dict[str, Any],
        notes: Sequence[str],
    ) -> None:
        self._file = text_file(path)
        self._dialect = dialect
        first = next(_filled_rows(self._file, dialect), (1, []))[1]
        self._is_headless = _is_row(first, heading or ())
        if self._is_headless and heading:
            first = list(heading)
            told = f"{path.name} has no heading: its columns are taken in "
            notes = [*notes, f"{told}the order of training"]
        super().__init__(path, first, notes)

    def _cells(self, places: Sequence[int]) -> Iterator[Row]:
        self.blank = 0
        width = len(self._names)
        heading = 0 if self._is_headless else 1
        for line, row in _rows(self._file, self._dialect):
            if _is_blank(row, width):
                self.blank += 1
            elif heading:
                heading = 0
            elif len(row) != width:
                raise UserError(
                    f"{self.place(line)}: expected {width} cells as in the "
                    f"first line, got {len(row)}: correct it."
                )
            else:
                yield line, tuple([row[place] for place in places])


class CsvTable(_DelimitedTable):
    """CSV: quoted cells may hold anything; the separator is found out.

    Args:
        path: the file, in UTF-8.
        heading: columns of a trained model's table; see `open_table`.
    """

    def __init__(
        self, path: pathlib.Path, heading: Sequence[str] | None = None
    ) -> None:
        delimiter = _delimiter(text_file(path))
        notes = []
        if delimiter != ",":
            told = f"columns separated by {_DELIMITERS[delimiter]}"
            notes.append(f"{told} ({path.name})")
        super().__init__(path, heading, _csv_dialect(delimiter), notes)


class TsvTable(_DelimitedTable):
    """TSV: tabs between cells, and quotes are characters like others.

    Args:
        path: the file, in UTF-8.
        heading: columns of a trained model's table; see `open_table`.
    """

    def __init__(
        self, path: pathlib.Path, heading: Sequence[str] | None = None
    ) -> None:
        dialect = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
        super().__init__(path, heading, dialect, [])


def _csv_dialect(delimiter: str) -> dict[str, Any]:
    # strict: else a quote that is never closed swallows the rest
    return {"delimiter": delimiter, "strict": True}


def _rows(
    file: TextFile, dialect: dict[str, Any]
) -> Iterator[tuple[int, Cells]]:
    """Yields the number of each row's first line, and its cells."""
    # the limit is the whole process's, and its default is 128 kB
    csv.field_size_limit(max(csv.field_size_limit(), MOST_BYTES))
    reader = csv.reader(decoded_lines(file), **dialect)
    line = 1
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{file.path}, line {line}: {_explained(error)}."
        ) from None


def _explained(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end" in text:
        return "a quote that is never closed: close it"
    if "new-line" in text:
        return "a carriage return alone, expected line feeds: save it with them"
    return f"{text}: correct it"


def _is_blank(row: Cells, width: int) -> bool:
    """Whether there is nothing in a row; one cell may be an empty text."""
    return not row or (width > 1 and not any(map(str.strip, row)))


def _filled_rows(
    file: TextFile, dialect: dict[str, Any]
) -> Iterator[tuple[int, Cells]]:
    for line, row in _rows(file, dialect):
        if not _is_blank(row, len(row)):
            yield line, row


def _delimiter(file: TextFile) -> str:
    """The sign that makes the most columns, the same in the first rows."""
    best, most = ",", (False, 1)
    for delimiter in _DELIMITERS:
        found = _width(file, delimiter)
        if found > most:
            best, most = delimiter, found
    return best


def _width(file: TextFile, delimiter: str) -> tuple[bool, int]:
    """Whether first rows are of one width above 1, and that of the first."""
    rows = _filled_rows(file, _csv_dialect(delimiter))
    widths = []
    try:
        for _, row in itertools.islice(rows, _SNIFFED):
            widths.append(len(row))
    except UserError:
        # whoever reads the rows is told
        widths.append(0)
    first = widths[0] if widths else 0
    return first > 1 and len(set(widths)) == 1, first


def _is_row(cells: Cells, heading: Sequence[str]) -> bool:
    """Whether a first line is a row of a table without a heading."""
    names = [cell.strip() for cell in cells]
    if len(names) != len(heading) or set(heading) <= set(names):
        return False
    # names are different, and numbers may be names
    may_be_names = len(set(names)) == len(names)
    if may_be_names and not set(heading).isdisjoint(names):
        return False
    return all(map(is_number, names))
