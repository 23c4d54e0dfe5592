"""Runs side by side, as a table of plain text."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_NOTHING = "–"
# heading and form of what is told of a run; the first and the last two are
# told of every run
_COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "run": ("run", str),
    "accuracy": ("accuracy %", lambda share: f"{100 * share:.2f}"),
    "f1_macro": ("macro F1", "{:.4f}".format),
    "entity_f1": ("entity F1", "{:.4f}".format),
    "loss": ("loss", "{:.4f}".format),
    "perplexity": ("perplexity", "{:,.2f}".format),
    "trained_parameters": ("trained parameters", "{:,}".format),
    "seconds": ("seconds", "{:.1f}".format),
}
_ALWAYS = {"run", "trained_parameters", "seconds"}


def measures(metrics: Mapping[str, Any]) -> dict[str, float]:
    """What of a run's metrics stands in a table.

    The loss does where it is what the run answers with: where classes were
    scored, accuracy and F1 say more.

    Args:
        metrics: of one split.

    Example:

    >>> measures({"examples": 9, "loss": 0.0, "perplexity": 1.0})
    {'loss': 0.0, 'perplexity': 1.0}
    """
    left_out = _ALWAYS | ({"loss"} if "per_class" in metrics else set())
    names = (name for name in _COLUMNS if name not in left_out)
    return {name: metrics[name] for name in names if name in metrics}


def table_cells(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The text of each cell, headings first.

    A column stands where a run has something to tell in it.

    Args:
        rows: each with `run`, `trained_parameters` and `seconds`, and any
            of `accuracy`, `f1_macro`, `entity_f1` (0 to 1), `loss` (nats)
            and `perplexity`.
    """
    told = _ALWAYS.union(*rows)
    columns = {name: form for name, form in _COLUMNS.items() if name in told}
    headings = tuple(heading for heading, _ in columns.values())
    return [headings] + [
        tuple(
            form(row[name]) if name in row else _NOTHING
            for name, (_, form) in columns.items()
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
    cells = table_cells(rows)
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
