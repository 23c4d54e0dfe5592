"""What is to be predicted, in the cells of tables, where it is no class."""

from typing import Any

from keras_ptft.data.tables.base import Table
from keras_ptft.data.tables.labels import as_filled, as_label
from keras_ptft.data.tables.numbers import is_number, remedy, shown_cell
from keras_ptft.errors import UserError

SEPARATOR = ";"
"""Stands between the labels of a set that is written as text."""

_FLAGS = {
    **dict.fromkeys(("0", "0.0", "false"), False),
    **dict.fromkeys(("1", "1.0", "true"), True),
}


def as_number(cell: Any, table: Table, number: int, column: str) -> float:
    """Returns the number that a cell holds.

    Args:
        cell: the cell.
        table: where it stands, for errors.
        number: of its row, for errors.
        column: its column, for errors.

    Raises:
        UserError: nothing, or no finite number in float32.
    """
    as_filled(cell, table, number, column)
    if not is_number(cell):
        raise UserError(
            f"{table.place(number)}, column {column!r}: expected a number to "
            f"predict, got {shown_cell(cell)}: {remedy(cell)}, or leave the "
            "row out."
        )
    return float(cell)


def as_flag(cell: Any, table: Table, number: int, column: str) -> bool:
    """Returns whether an example has the label of a column.

    Args:
        cell: 0 or 1, or a truth value, also as text.
        table: where it stands, for errors.
        number: of its row, for errors.
        column: its column, for errors.

    Raises:
        UserError: nothing, or another value.
    """
    text = as_filled(cell, table, number, column).casefold()
    if text not in _FLAGS:
        raise UserError(
            f"{table.place(number)}, column {column!r}: expected 0 or 1, got "
            f"{shown_cell(cell)}: correct it."
        )
    return _FLAGS[text]


def as_set(
    cell: Any, table: Table, number: int, column: str
) -> tuple[str, ...]:
    """Returns the labels that a cell holds, each once.

    Args:
        cell: a list of labels, or text with semicolons between labels, which
            is empty where there are none.
        table: where it stands, for errors.
        number: of its row, for errors.
        column: its column, for errors.

    Raises:
        UserError: neither, a list that was written as text, or a label that
            is none.
    """
    parts: list[Any]
    if isinstance(cell, str) and not cell.strip().startswith("["):
        parts = [part for part in cell.split(SEPARATOR) if part.strip()]
    elif isinstance(cell, list | tuple):
        parts = list(cell)
    else:
        raise UserError(
            f"{table.place(number)}, column {column!r}: expected labels as "
            f"a{SEPARATOR}b or as a list, got {shown_cell(cell)}: write an "
            "empty one where there are none."
        )
    found = [as_label(part, table, number, column) for part in parts]
    return tuple(dict.fromkeys(found))
