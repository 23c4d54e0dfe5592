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
"""Names of the columns of texts and of labels; the second may be ""."""

TextRow = tuple[int, str, str]
"""The number of a row's first line, its text and its label, or ""."""

_SETTINGS = ("--text_column", "--label_column")


def rows(file: TextFile, ending: str, columns: Columns) -> Iterator[TextRow]:
    """Yields the rows of a file.

    Args:
        file: the file; its first line names the columns, except in JSON
            Lines.
        ending: its format, "csv", "tsv" or "jsonl".
        columns: of text and label.

    Raises:
        UserError: a missing column, a ragged row, or a value of another
            type.
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


def _csv_rows(file: TextFile, columns: Columns) -> Iterator[TextRow]:
    # strict: else a quote that is never closed swallows the rest
    return _cells(file, columns, strict=True)


def _tsv_rows(file: TextFile, columns: Columns) -> Iterator[TextRow]:
    return _cells(file, columns, delimiter="\t", quoting=csv.QUOTE_NONE)


def _cells(
    file: TextFile, columns: Columns, **dialect: Any
) -> Iterator[TextRow]:
    reader = csv.reader(decoded_lines(file), **dialect)
    try:
        header = [name.strip() for name in next(reader)]
        _check_columns(columns, header, file, 1)
        text, label = (header.index(c) if c else -1 for c in columns)
        line = reader.line_num + 1
        for row in reader:
            if row and len(row) != len(header):
                raise UserError(
                    f"{file.path}, line {line}: expected {len(header)} cells "
                    f"as in the first line, got {len(row)}."
                )
            if row:
                yield line, row[text], row[label].strip() if label >= 0 else ""
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{file.path}, line {reader.line_num}: {error}: correct it."
        ) from None


def _json_rows(file: TextFile, columns: Columns) -> Iterator[TextRow]:
    for line, text in enumerate(decoded_lines(file), 1):
        if not text.isspace():
            row = _parsed(text, file, line)
            _check_columns(columns, list(row), file, line)
            yield line, *_values(row, columns, file, line)


def _check_columns(
    columns: Columns, names: Sequence[str], file: TextFile, line: int
) -> None:
    for setting, column in zip(_SETTINGS, columns, strict=True):
        if column and column not in names:
            is_label = setting == "--label_column"
            remedy = " (empty: unlabelled)" if is_label else ""
            raise UserError(
                f"{file.path}, line {line}: no column {column!r}"
                f"{nearest(column, names)}: choose by {setting} one of "
                f"{', '.join(names) or 'none, it is empty'}{remedy}."
            )


def _parsed(text: str, file: TextFile, line: int) -> dict[str, Any]:
    try:
        row = json.loads(text)
        if isinstance(row, dict):
            return row
        got = _shown(row)
    except (ValueError, RecursionError) as error:
        got = first_line(error)
    raise UserError(
        f"{file.path}, line {line}: expected a JSON object, got {got}: write "
        "one a line."
    )


def _values(
    row: dict[str, Any], columns: Columns, file: TextFile, line: int
) -> tuple[str, str]:
    found = []
    kinds = ((str,), "text"), ((str, int), "text or an integer")
    for column, (kind, expected) in zip(columns, kinds, strict=True):
        value = row[column] if column else ""
        if not isinstance(value, kind):
            raise UserError(
                f"{file.path}, line {line}, column {column!r}: expected "
                f"{expected}, got {_shown(value)}."
            )
        found.append(str(value))
    return found[0], found[1].strip()


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}..."


_READERS = {"csv": _csv_rows, "tsv": _tsv_rows, "jsonl": _json_rows}
