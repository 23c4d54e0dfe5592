"""A comparison as Markdown for a pull request."""

from keras_ptft.comparison.method import facts, method
from keras_ptft.comparison.result import Comparison
from keras_ptft.comparison.summary import Summary
from keras_ptft.comparison.tables import Cell, Table, budget_tables
from keras_ptft.evaluation.report.markup import code, escaped, items, table


def markdown(comparison: Comparison, summary: Summary, doubts: str = "") -> str:
    """Returns the sentences and tables of a comparison.

    Args:
        comparison: what was measured.
        summary: of the same comparison.
        doubts: what is said of labels that may be wrong; empty: nothing.
    """
    parts = [f"# {escaped(comparison.name)}"]
    if summary.label_worth:
        parts.append(f"**{escaped(summary.label_worth)}**")
    for budget in budget_tables(summary):
        parts.append(f"## {escaped(budget.heading)}")
        if budget.sentences:
            parts.append(items(budget.sentences))
        parts.append(_table(budget))
    if doubts:
        parts += ["## Labels that may be wrong", escaped(doubts)]
    parts.append("## How it was measured")
    parts.append(items(f"{what}: {text}" for what, text in facts(comparison)))
    parts.append(items(method(comparison)))
    parts.append("Recipe:")
    parts.append(code(comparison.recipe))
    return "\n\n".join(parts) + "\n"


def _table(found: Table) -> str:
    rows = [["variant", *map(escaped, found.headings)]]
    rows += [
        [escaped(variant), *map(_cell, cells)] for variant, cells in found.rows
    ]
    return table(rows)


def _cell(cell: Cell) -> str:
    """Such as `+4.12 ± 0.80 **helped** (+3.32 to +4.92, p < 0.001)`."""
    judged = f" **{cell.judged}**" if cell.judged else ""
    note = f" ({escaped(cell.note)})" if cell.note else ""
    return f"{escaped(cell.text)}{judged}{note}"
