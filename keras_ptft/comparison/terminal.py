"""A comparison as lines of a terminal."""

from keras_ptft.comparison.summary import Summary
from keras_ptft.comparison.tables import Table, budget_tables
from keras_ptft.evaluation.report.runs_table import aligned


def lines(summary: Summary) -> str:
    """Returns what was measured and what it proves, a block a budget."""
    blocks = [_block(table) for table in budget_tables(summary)]
    return "\n\n".join([*blocks, *filter(None, [summary.label_worth])])


def _block(table: Table) -> str:
    rows = [["", *table.headings]]
    rows += [
        [name, *(cell.text for cell in cells)] for name, cells in table.rows
    ]
    return "\n".join(
        [f"{table.title}:", "", aligned(rows), "", *table.sentences]
    )
