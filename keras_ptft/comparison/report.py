"""A comparison on one page that needs no other file."""

import os
import pathlib

from keras_ptft import files
from keras_ptft.comparison.figures import (
    DARK,
    LIGHT,
    comparison_png,
    plotted_names,
)
from keras_ptft.comparison.markdown import markdown
from keras_ptft.comparison.method import facts, method
from keras_ptft.comparison.result import Comparison
from keras_ptft.comparison.styles import styles_of
from keras_ptft.comparison.summary import Summary
from keras_ptft.comparison.suspicious import Suspicious
from keras_ptft.comparison.tables import budget_tables
from keras_ptft.evaluation.report.figures import measure_title
from keras_ptft.evaluation.report.page import page_template

PAGE, TEXT = "compare.html", "compare.md"
_TEMPLATE = pathlib.Path(__file__).with_name("compare.html")


def write_comparison(
    folder: str | os.PathLike,
    comparison: Comparison,
    summary: Summary,
    suspicious: Suspicious | None = None,
) -> None:
    """Writes what a comparison proves: `compare.html` and `compare.md`.

    Args:
        folder: where to; each is written beside and renamed.
        comparison: what was measured.
        summary: of the same comparison.
        suspicious: the labels that may be wrong, where these were looked for.

    Raises:
        UserError: a file cannot be written.
    """
    folder = pathlib.Path(folder)
    files.write_text(folder / PAGE, _page(comparison, summary, suspicious))
    doubts = suspicious.sentence if suspicious else ""
    files.write_text(folder / TEXT, markdown(comparison, summary, doubts))


def _page(
    comparison: Comparison, summary: Summary, suspicious: Suspicious | None
) -> str:
    styles = styles_of(row.variant for row in summary.rows)
    names = plotted_names(styles)
    numbered = any(name != shown for name, shown in names.items())
    intervals = [row.metrics[summary.metric] for row in summary.rows]
    return page_template(_TEMPLATE).render(
        comparison=comparison,
        label_worth=summary.label_worth,
        tables=budget_tables(summary),
        suspicious=suspicious,
        styles=styles,
        numbers=names if numbered else {},
        heading=measure_title(summary.metric),
        picture=comparison_png(summary, styles, LIGHT),
        dark_picture=comparison_png(summary, styles, DARK),
        has_intervals=any(one.half is not None for one in intervals),
        facts=facts(comparison),
        method=method(comparison),
    )
