"""Numeric tables in CSV files."""

import csv
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from keras_ptft.data.arrays import ArraySource, name_labels
from keras_ptft.data.dataset import Dataset, Loading
from keras_ptft.data.splits import split_test
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

_Table = tuple[list[str], np.ndarray, list[str]]


def table(
    _loading: Loading,
    /,
    path: str,
    *,
    label: str = "label",
    test_fraction: float = 0.2,
) -> Dataset:
    """Rows of a CSV file: numbers, and a column of labels.

    The first line names the columns. Labels are integers or text; their
    sorted values are the label names.

    Args:
        path: a file, split by the content of its rows, or a folder with
            train.csv and test.csv.
        label: the name of the label column.
        test_fraction: share of the rows of one file held out for testing.

    Raises:
        UserError: a missing file or column, a ragged row, a cell that is
            no finite number, no rows, or only one class.
    """
    root = pathlib.Path(path).expanduser()
    files = [root / "train.csv", root / "test.csv"] if root.is_dir() else [root]
    tables = [_read(file, label) for file in files]
    _check_alike(tables, root)
    labels, names = name_labels(_values([v for t in tables for v in t[2]]))
    if len(names) < 2:
        raise UserError(
            f"{path} must hold at least two classes, got only {names[0]!r} "
            f"in column {label!r}."
        )
    if len(tables) == 1:
        source = ArraySource(tables[0][1], labels, name="vector")
        return split_test(source, names, test_fraction)
    ends = [len(tables[0][2])]
    sources = (
        ArraySource(numbers, part, name="vector")
        for (_, numbers, _), part in zip(
            tables, np.split(labels, ends), strict=True
        )
    )
    return Dataset(dict(zip(("train", "test"), sources, strict=True)), names)


def _read(file: pathlib.Path, label: str) -> _Table:
    """Columns, numbers of shape (rows, columns) and labels of a file."""
    if not file.is_file():
        raise UserError(f"No CSV file {str(file)!r}: correct the path.")
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            place = _place(header, label, file)
            rows, lines = _rows(reader, len(header), file)
    except (csv.Error, ValueError, OSError) as error:
        raise UserError(f"{file} must be CSV text in UTF-8: {error}.") from None
    labels = [row.pop(place).strip() for row in rows]
    header.pop(place)
    if "" in labels:
        raise UserError(
            f"{file}, line {lines[labels.index('')]}: empty {label!r}."
        )
    return header, _numbers(rows, header, lines, file), labels


def _place(header: Sequence[str], label: str, file: pathlib.Path) -> int:
    if label not in header:
        raise UserError(
            f"{file} has no column {label!r}{nearest(label, header)}: choose "
            f"by label= one of {', '.join(header) or 'none, it is empty'}."
        )
    if len(header) == 1:
        raise UserError(f"{file} needs a column of numbers beside {label!r}.")
    return list(header).index(label)


def _rows(reader, width: int, file: pathlib.Path) -> tuple[list, list[int]]:
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


def _values(labels: list[str]) -> np.ndarray:
    if all(re.fullmatch(r"[+-]?\d{1,18}", label) for label in labels):
        return np.array(labels, np.int64)
    return np.array(labels)


def _check_alike(tables: Sequence[_Table], root: pathlib.Path) -> None:
    first, last = tables[0][0], tables[-1][0]
    if first != last:
        raise UserError(
            f"train.csv and test.csv in {root} must have the same columns, "
            f"got {', '.join(first)} and {', '.join(last)}."
        )
