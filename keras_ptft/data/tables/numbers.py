"""Numbers in the cells of tables."""

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from keras_ptft.data.tables.base import Row, Table
from keras_ptft.data.tables.json_lines import SHOWN, shown
from keras_ptft.errors import UserError

_BATCH = 1024
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]+")


def to_numbers(
    rows: Iterable[Row], columns: Sequence[str], table: Table
) -> np.ndarray:
    """Converts rows of a table to numbers, in batches.

    Args:
        rows: cells of these columns.
        columns: their names, for errors.
        table: where they stand, for errors.

    Returns:
        float32 array of shape (rows, columns).

    Raises:
        UserError: a cell that is no finite number in float32.

    Example:

    >>> class Lines(Table):
    ...     def _cells(self, places):
    ...         yield 2, ("1.5", "-2e3")
    >>> import pathlib
    >>> table = Lines(pathlib.Path("a.csv"), ["a", "b"])
    >>> to_numbers(table.rows(["a", "b"]), ["a", "b"], table).tolist()
    [[1.5, -2000.0]]
    """
    rest = iter(rows)
    parts = [np.empty((0, len(columns)), np.float32)]
    while some := list(itertools.islice(rest, _BATCH)):
        parts.append(_numbers(some, columns, table))
    return np.concatenate(parts)


def _numbers(
    rows: Sequence[Row], columns: Sequence[str], table: Table
) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            wide = np.array([cells for _, cells in rows], np.float64)
            numbers = wide.astype(np.float32)
        if numbers.ndim == 2 and np.isfinite(numbers).all():
            return numbers
    # numbers that are too large, and values that are none
    except (ValueError, TypeError, OverflowError):
        pass
    for number, cells in rows:
        for column, cell in zip(columns, cells, strict=True):
            if not is_number(cell):
                raise UserError(
                    f"{table.place(number)}, column {column!r}: expected a "
                    f"finite number, got {shown_cell(cell)}: {remedy(cell)}, "
                    "or leave the row or the column out."
                )
    raise RuntimeError(f"no cell of {table.path} is wrong")


def is_number(cell: Any) -> bool:
    """Returns whether a cell is a finite number in float32.

    Example:

    >>> is_number("-2e3"), is_number("nan"), is_number("1e99")
    (True, False, False)
    """
    try:
        with np.errstate(over="ignore"):
            number = np.float32(np.float64(cell))
        # a list becomes an array
        return bool(np.ndim(number) == 0 and np.isfinite(number))
    except (ValueError, TypeError, OverflowError):
        return False


def remedy(cell: Any) -> str:
    """Returns what to do about a cell that is no number."""
    is_comma = isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell.strip())
    return "write decimal points, no commas" if is_comma else "correct it"


def shown_cell(cell: Any) -> str:
    """Returns a cell as an error names it, not too long."""
    if not isinstance(cell, str):
        return shown(cell)
    return repr(cell) if len(cell) <= SHOWN else f"{cell[:SHOWN]!r}..."
