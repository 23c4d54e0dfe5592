"""Tables of numbers, or of texts, in CSV files."""

import csv
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.arrays import name_labels
from keras_ptft.data.sources.split_discovery import split_files, with_test
from keras_ptft.data.sources.text_tables import text_table, typed_labels
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest


class _Table(NamedTuple):
    header: list[str]
    numbers: np.ndarray
    labels: list[str]


def table(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Rows of a CSV file: numbers or a text, and a column of labels.

    The first line names the columns. With --text_column the rows are the
    texts of that column; an empty --label_column leaves them unlabelled.
    Without it all columns but --label_column are numbers. Labels are
    integers or text; their sorted values are the label names.

    Args:
        loading: the settings of the run.
        path: a file, split by the content of its rows; a folder with
            train.csv, test.csv and dev.csv (or validation, valid, val); or
            what the names of such files begin with, as "data/wine" of
            data/wine_train.csv and so on.
        test_fraction: fraction of the rows held out for testing if there is
            no test file.

    Raises:
        UserError: a missing file or column, a ragged row, a cell that is
            no finite number, no rows, or only one class.
    """
    if loading.text_column:
        return text_table(loading, path, "csv", test_fraction)
    files = split_files(path, ["csv"], "CSV")
    tables = [_read(file, loading.label_column) for file in files.values()]
    _check_alike(tables, list(files.values()))
    indices, names = name_labels(
        typed_labels([label for one in tables for label in one.labels])
    )
    if len(names) < 2:
        raise UserError(
            f"{path} must hold at least two classes, got only {names[0]!r} "
            f"in column {loading.label_column!r}."
        )
    ends = np.cumsum([len(one.labels) for one in tables])[:-1]
    sources = {
        split: ArraySource(one.numbers, labels, name="vector")
        for split, one, labels in zip(
            files, tables, np.split(indices, ends), strict=True
        )
    }
    return with_test(sources, names, test_fraction)


def _read(file: pathlib.Path, label: str) -> _Table:
    if not file.is_file():
        raise UserError(f"No CSV file {str(file)!r}: correct the path.")
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            _check_header(header, label, file)
            rows, lines = _rows(reader, len(header), file)
    except UserError:
        raise
    except (csv.Error, ValueError, OSError) as error:
        raise UserError(f"{file} must be CSV text in UTF-8: {error}.") from None
    column = header.index(label)
    labels = [row.pop(column).strip() for row in rows]
    header.pop(column)
    if "" in labels:
        raise UserError(
            f"{file}, line {lines[labels.index('')]}: empty {label!r}."
        )
    return _Table(header, _numbers(rows, header, lines, file), labels)


def _check_header(
    header: Sequence[str], label: str, file: pathlib.Path
) -> None:
    if label not in header:
        names = ", ".join(header) or "none, it is empty"
        raise UserError(
            f"{file} has no column {label!r}{nearest(label, header)}: choose "
            f"by --label_column one of {names}."
        )
    if len(header) == 1:
        raise UserError(f"{file} needs a column of numbers beside {label!r}.")


def _rows(
    reader: Any, width: int, file: pathlib.Path
) -> tuple[list[list[str]], list[int]]:
    """The rows that are not blank, and the line number of each."""
    rows, lines = [], []
    for row in reader:
        if any("\0" in cell for cell in row):
            # Python before 3.11 refuses these itself
            raise csv.Error(f"line {reader.line_num} contains NUL")
        if row and len(row) != width:
            raise UserError(
                f"{file}, line {reader.line_num}: expected {width} cells as "
                f"in the first line, got {len(row)}."
            )
        if row:
            rows.append(row)
            lines.append(reader.line_num)
    if not rows:
        raise UserError(f"{file} has no rows under its first line: add some.")
    return rows, lines


def _numbers(
    rows: list[list[str]],
    header: Sequence[str],
    lines: Sequence[int],
    file: pathlib.Path,
) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            numbers = np.array(rows, np.float64).astype(np.float32)
        bad = ~np.isfinite(numbers)
    except ValueError:
        bad = np.array([[not _is_number(cell) for cell in row] for row in rows])
    if not bad.any():
        return numbers
    row, column = np.argwhere(bad)[0]
    raise UserError(
        f"{file}, line {lines[row]}, column {header[column]!r}: expected a "
        f"finite number, got {rows[row][column]!r}."
    )


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def _check_alike(
    tables: Sequence[_Table], files: Sequence[pathlib.Path]
) -> None:
    expected = tables[0].header
    for one, file in zip(tables, files, strict=True):
        if one.header != expected:
            raise UserError(
                f"{file} must have the same columns as {files[0].name}, "
                f"{', '.join(expected)}, got {', '.join(one.header)}."
            )
