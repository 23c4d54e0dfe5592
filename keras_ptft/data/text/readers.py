"""Rows of CSV, TSV and JSON Lines files: a text and a label each."""

import contextlib
import csv
import json
from collections.abc import Iterator, Sequence
from typing import Any

from keras_ptft.data.text.files import MOST_BYTES, TextFile, decoded_lines
from keras_ptft.errors import UserError, first_line
from keras_ptft.registry import nearest

Columns = tuple[str, str]
"""Names of the columns of the texts and of the labels, or ""."""

Row = tuple[int, str, str]
"""The line where it begins, its text and its label."""


def rows(file: TextFile, ending: str, columns: Columns) -> Iterator[Row]:
    """The rows of a file, one after the other.

    Args:
        file: its first line names the columns, but of JSON Lines.
        ending: "csv", "tsv" or "jsonl", which says how it is written.
        columns: of text and label; without one of labels they are the text.

    Raises:
        UserError: a missing column, a ragged row, or a value of another
            kind.
    """
    return _READERS[ending](file, columns)


@contextlib.contextmanager
def long_cells() -> Iterator[None]:
    """Lets cells of CSV and TSV files be as long as lines may be."""
    before = csv.field_size_limit(MOST_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _csv_rows(file: TextFile, columns: Columns) -> Iterator[Row]:
    # strict: else a quote that is never closed takes all that follows
    return _cells(file, columns, strict=True)


def _tsv_rows(file: TextFile, columns: Columns) -> Iterator[Row]:
    return _cells(file, columns, delimiter="\t", quoting=csv.QUOTE_NONE)


def _cells(file: TextFile, columns: Columns, **dialect: Any) -> Iterator[Row]:
    reader = csv.reader(decoded_lines(file), **dialect)
    try:
        header = next(reader)
        text, label = _columns(columns, header, file)
        line = reader.line_num + 1
        for row in reader:
            if row and len(row) != len(header):
                raise UserError(
                    f"{file.path}, line {line}: expected {len(header)} cells "
                    f"as in the first line, got {len(row)}."
                )
            if row:
                yield line, row[text], row[label].strip()
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{file.path}, line {reader.line_num}: {error}: correct it."
        ) from None


def _columns(
    wanted: Columns, header: Sequence[str], file: TextFile
) -> tuple[int, int]:
    """Where text and label stand; without labels, the text twice."""
    names = [name.strip() for name in header]
    places = []
    for setting, column in zip(("text", "label"), wanted, strict=True):
        if column and column not in names:
            raise _no_column(f"--{setting}_column", column, names, file, 1)
        places.append(names.index(column) if column else places[0])
    return places[0], places[1]


def _no_column(
    setting: str, column: str, names: Sequence[str], file: TextFile, line: int
) -> UserError:
    remedy = " (empty: unlabelled)" if setting == "--label_column" else ""
    return UserError(
        f"{file.path}, line {line}: no column {column!r}"
        f"{nearest(column, names)}: choose by {setting} one of "
        f"{', '.join(names) or 'none, it is empty'}{remedy}."
    )


def _objects(file: TextFile, columns: Columns) -> Iterator[Row]:
    for line, text in enumerate(decoded_lines(file), 1):
        if not text.isspace():
            row = _parsed(text, file, line)
            yield line, *_values(row, columns, file, line)


def _parsed(text: str, file: TextFile, line: int) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{file.path}, line {line}: expected a JSON object, got "
            f"{first_line(error)}: write one a line."
        ) from None
    if not isinstance(row, dict):
        raise UserError(
            f"{file.path}, line {line}: expected a JSON object, got "
            f"{_shown(row)}: write one a line."
        )
    return row


def _values(
    row: dict[str, Any], columns: Columns, file: TextFile, line: int
) -> tuple[str, str]:
    found = []
    kinds = (("text", str, "text"), ("label", (str, int), "text or an integer"))
    for column, (setting, kind, told) in zip(columns, kinds, strict=True):
        if column and column not in row:
            setting = f"--{setting}_column"
            raise _no_column(setting, column, list(row), file, line)
        value = row[column] if column else ""
        if not isinstance(value, kind):
            raise UserError(
                f"{file.path}, line {line}, column {column!r}: expected "
                f"{told}, got {_shown(value)}."
            )
        found.append(str(value))
    return found[0], found[1].strip()


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}..."


_READERS = {"csv": _csv_rows, "tsv": _tsv_rows, "jsonl": _objects}
