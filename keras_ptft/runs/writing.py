"""A table of runs as lines of a terminal, as a CSV file and as a page."""

import csv
import os
import pathlib
from collections.abc import Sequence

from keras_ptft import files
from keras_ptft.evaluation.report.page import page_template
from keras_ptft.evaluation.report.runs_table import aligned
from keras_ptft.runs.reading import Run
from keras_ptft.runs.table import Column, columns, printable

_TEMPLATE = pathlib.Path(__file__).with_name("runs.html")


def text_table(runs: Sequence[Run]) -> str:
    """Returns the table as lines, without a newline at the end.

    Args:
        runs: in the order of the rows.
    """
    every = columns(runs)
    texts = [i for i, column in enumerate(every) if not column.is_number]
    lines = aligned([_headings(every), *_cells(every, runs)], texts)
    return "\n".join(line.rstrip() for line in lines.splitlines())


def write_csv(path: str | os.PathLike, runs: Sequence[Run]) -> None:
    """Writes the table with unrounded numbers, and nothing for a missing one.

    Args:
        path: the file, written beside and renamed.
        runs: in the order of the rows.

    Raises:
        UserError: the file cannot be written.
    """
    every = columns(runs)
    with (
        files.replacing(path) as partial,
        open(partial, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow([column.name for column in every])
        for run in runs:
            writer.writerow([_raw(column, run) for column in every])


def write_page(
    path: str | os.PathLike,
    runs: Sequence[Run],
    *,
    title: str,
    notes: Sequence[str] = (),
) -> None:
    """Writes the table as a page that needs no other file.

    Args:
        path: the HTML file, written beside and renamed.
        runs: in the order of the rows.
        title: the page's heading.
        notes: sentences below the table.

    Raises:
        UserError: the file cannot be written.
    """
    every = columns(runs)
    looks = [run.state.partition(",")[0].partition(":")[0] for run in runs]
    page = page_template(_TEMPLATE).render(
        title=printable(title),
        headings=_headings(every),
        kinds=["number" if c.is_number else c.name for c in every],
        rows=list(zip(looks, _cells(every, runs), strict=True)),
        notes=notes,
    )
    files.write_text(path, page)


def _headings(every: Sequence[Column]) -> list[str]:
    return [column.heading for column in every]


def _cells(every: Sequence[Column], runs: Sequence[Run]) -> list[list[str]]:
    return [[column.cell(run) for column in every] for run in runs]


def _raw(column: Column, run: Run) -> str | float:
    value = column.value(run)
    if isinstance(value, str):
        return printable(value)
    return "" if value is None else value
