"""Runs side by side, as a table of plain text."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

HEADINGS = ("run", "accuracy %", "macro F1", "trained parameters", "seconds")


def table_cells(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The text of each cell, in the order of `HEADINGS`.

    Args:
        rows: each with `run`, `accuracy` and `f1_macro` (0 to 1),
            `trained_parameters` and `seconds`.
    """
    return [
        (
            str(row["run"]),
            f"{100 * row['accuracy']:.2f}",
            f"{row['f1_macro']:.4f}",
            f"{row['trained_parameters']:,}",
            f"{row['seconds']:.1f}",
        )
        for row in rows
    ]


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Runs side by side: names to the left, numbers to the right.

    Args:
        rows: as `table_cells` takes them.

    Returns:
        Lines without a newline at the end.

    Example:

    >>> print(format_table([{"run": "digits", "accuracy": 0.9875,
    ...     "f1_macro": 0.9871, "trained_parameters": 93322, "seconds": 4.2}]))
    run     accuracy %  macro F1  trained parameters  seconds
    ------  ----------  --------  ------------------  -------
    digits       98.75    0.9871              93,322      4.2
    """
    cells = [HEADINGS, *table_cells(rows)]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, tuple("-" * width for width in widths))
    return "\n".join(_line(line, widths) for line in cells)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    gaps = [
        " " * (width - _columns(cell))
        for cell, width in zip(cells, widths, strict=True)
    ]
    numbers = (
        gap + cell for gap, cell in zip(gaps[1:], cells[1:], strict=True)
    )
    return "  ".join([cells[0] + gaps[0], *numbers])


def _columns(text: str) -> int:
    """Columns of a terminal: a Chinese character takes two."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide
