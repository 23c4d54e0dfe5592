"""Runs side by side, as a table of plain text."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from keras_ptft.evaluation.metrics import METRICS, metric_of

_MISSING = "–"


def table_cells(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Returns the text of each cell, headings first.

    A column is there if any run has a value in it.

    Args:
        rows: each with `run`, `trained_parameters` and `seconds`, and any
            metrics by name.
    """
    present = {name for row in rows for name in row}
    present -= {"run", "trained_parameters", "seconds"}
    names = [name for name in METRICS if name in present]
    names += sorted(present - set(names))
    headings = ("run", *(metric_of(name).heading for name in names))
    headings += ("trained parameters", "training seconds")
    return [headings] + [
        (
            str(row["run"]),
            *(
                metric_of(name).cell(row[name]) if name in row else _MISSING
                for name in names
            ),
            f"{row['trained_parameters']:,}",
            f"{row['seconds']:.1f}",
        )
        for row in rows
    ]


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Formats runs side by side: names to the left, numbers to the right.

    Args:
        rows: as `table_cells` takes them.

    Returns:
        Lines without a newline at the end.

    Example:

    >>> print(format_table([{"run": "digits", "accuracy": 0.9875,
    ...     "f1_macro": 0.9871, "trained_parameters": 93322, "seconds": 4.2}]))
    run     accuracy %  macro F1  trained parameters  training seconds
    ------  ----------  --------  ------------------  ----------------
    digits       98.75    0.9871              93,322               4.2
    """
    return aligned(table_cells(rows))


def aligned(
    rows: Sequence[Sequence[str]], texts: Collection[int] = (0,)
) -> str:
    """Aligns cells: columns of text to the left, numbers to the right.

    Args:
        rows: the headings first.
        texts: which columns are text.

    Returns:
        Lines without a newline at the end, a rule under the headings.
    """
    cells = list(rows)
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(_line(line, widths, texts) for line in cells)


def _line(
    cells: Sequence[str], widths: Sequence[int], texts: Collection[int]
) -> str:
    padded = []
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        gap = " " * (width - _columns(cell))
        padded.append(cell + gap if index in texts else gap + cell)
    return "  ".join(padded)


def _columns(text: str) -> int:
    """Columns of a terminal: a Chinese character takes two."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide
