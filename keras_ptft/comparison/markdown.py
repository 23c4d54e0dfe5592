"""A comparison as Markdown for a pull request."""

import re
from collections.abc import Iterable, Sequence

from keras_ptft.comparison.method import facts, method
from keras_ptft.comparison.result import Comparison
from keras_ptft.comparison.summary import Summary
from keras_ptft.comparison.tables import Cell, Table, budget_tables

# what starts something in the Markdown of GitHub
_SIGNS = re.compile(r"([\\`*_\[\]<>|~$#&])")


def markdown(comparison: Comparison, summary: Summary) -> str:
    """Returns the sentences and tables of a comparison."""
    parts = [f"# {escaped(comparison.name)}"]
    if summary.label_worth:
        parts.append(f"**{escaped(summary.label_worth)}**")
    for table in budget_tables(summary):
        parts.append(f"## {escaped(table.heading)}")
        if table.sentences:
            parts.append(_items(table.sentences))
        parts.append(_table(table))
    parts.append("## How it was measured")
    parts.append(_items(f"{what}: {text}" for what, text in facts(comparison)))
    parts.append(_items(method(comparison)))
    parts.append("Recipe:")
    parts.append(_code(comparison.recipe))
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Returns a text on one line, with no sign that formats it.

    Example:

    >>> print(escaped("a|b *c*"))
    a\\|b \\*c\\*
    """
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def _items(texts: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(text)}" for text in texts)


def _table(table: Table) -> str:
    lines = [_line(["variant", *map(escaped, table.headings)])]
    lines.append(_line(["---", *("---:" for _ in table.headings)]))
    for variant, cells in table.rows:
        lines.append(_line([escaped(variant), *map(_cell, cells)]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    """Such as `+4.12 ± 0.80 **helped** (+3.32 to +4.92, p < 0.001)`."""
    judged = f" **{cell.judged}**" if cell.judged else ""
    note = f" ({escaped(cell.note)})" if cell.note else ""
    return f"{escaped(cell.text)}{judged}{note}"


def _code(text: str) -> str:
    """A block of code, whatever is in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
