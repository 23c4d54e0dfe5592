"""Labels and groups in the cells of tables, as text."""

from typing import Any

from keras_ptft.data.tables.base import Table
from keras_ptft.data.tables.json_lines import shown
from keras_ptft.errors import UserError


def as_label(cell: Any, table: Table, number: int, column: str) -> str:
    """Returns the text of a label as it stands in the file.

    Whole numbers and truth values are text as Python writes them. So are
    whole numbers that pandas made floats of, as "1.0", which CSV has too:
    a name is what the file says, and other files have to say the same.

    Args:
        cell: the cell.
        table: where it stands, for errors.
        number: of its row, for errors.
        column: its column, for errors.

    Raises:
        UserError: nothing, a fraction, or what is neither text nor a number.
    """
    text = as_filled(cell, table, number, column)
    is_whole = isinstance(cell, float) and cell.is_integer()
    if not is_whole and not isinstance(cell, str | int):
        raise UserError(
            f"{table.place(number)}, column {column!r}: expected text or a "
            f"whole number as a label, got {shown(cell)}: correct it."
        )
    return _checked(text, table, number, column)


def as_group(cell: Any, table: Table, number: int, column: str) -> str:
    """Returns the text of what an example belongs to.

    Args:
        cell: the cell, of any kind.
        table: where it stands, for errors.
        number: of its row, for errors.
        column: its column, for errors.

    Raises:
        UserError: the cell is empty.
    """
    text = as_filled(cell, table, number, column)
    return _checked(text, table, number, column)


def as_value(cell: Any) -> str:
    """Returns what a cell holds as one line of text; "" where it is empty.

    Args:
        cell: the cell, of any kind.

    Example:

    >>> as_value(" north  east "), as_value(None), as_value(1.5)
    ('north east', '', '1.5')
    """
    return "" if cell is None else " ".join(str(cell).split())


def as_filled(cell: Any, table: Table, number: int, column: str) -> str:
    """Returns what a cell holds as text, without space at its ends.

    Args:
        cell: the cell, of any kind.
        table: where it stands, for errors.
        number: of its row, for errors.
        column: its column, for errors.

    Raises:
        UserError: the cell is empty.
    """
    text = str(cell).strip()
    # a number that is none is not itself
    if cell is None or cell != cell or not text:
        raise UserError(
            f"{table.place(number)}: empty {column!r}: fill it in, or leave "
            "the row out."
        )
    return text


def as_text(cell: Any, table: Table, number: int, column: str) -> str:
    """Returns a text, which may be empty.

    Args:
        cell: the cell.
        table: where it stands, for errors.
        number: of its row, for errors.
        column: its column, for errors.

    Raises:
        UserError: no text, or one that is not Unicode.
    """
    if not isinstance(cell, str):
        raise UserError(
            f"{table.place(number)}, column {column!r}: expected text, got "
            f"{shown(cell)}: correct it."
        )
    return _checked(cell, table, number, column)


def _checked(text: str, table: Table, number: int, column: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"{table.place(number)}, column {column!r}: expected letters, got "
            "half of a surrogate pair: write both halves."
        ) from None
    return text
