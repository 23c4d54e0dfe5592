"""The trials of a search, as rows of texts."""

from collections.abc import Sequence
from typing import NamedTuple

from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.evaluation.report.runs_table import aligned
from keras_ptft.search.result import (
    COMPLETE,
    Found,
    Trial,
    goodness,
    settings_text,
)

MISSING = "–"
_SHOWN = 10


class Row(NamedTuple):
    """One trial of the table.

    Attributes:
        number: of the trial.
        score: its metric, or a dash.
        loss: likewise.
        settings: on one line.
        seconds: that it took.
        note: what it is, or why it ended before the others.
        is_best: whether it is the best.
    """

    number: int
    score: str
    loss: str
    settings: str
    seconds: str
    note: str
    is_best: bool


def rows(found: Found) -> list[Row]:
    """Returns all trials, the best first; the incomplete ones come last."""

    def key(trial: Trial) -> tuple[bool, bool, float, float, int]:
        is_best = trial.number == found.best
        value, loss = 0.0, 0.0
        if trial.metrics:
            value = goodness(found.metric, trial.metrics[found.metric])
            loss = trial.metrics.get("loss", 0.0)
        order = (-value, loss, trial.number)
        return (not is_best, trial.state != COMPLETE, *order)

    return [_row(found, trial) for trial in sorted(found.trials, key=key)]


def headings(found: Found) -> list[str]:
    """Returns the headings of the columns of `rows`."""
    metric = metric_of(found.metric).heading
    own = [] if found.metric == "loss" else ["loss"]
    texts = ["settings", "seconds", "note"]
    return ["trial", f"validation {metric}", *own, *texts]


def cells(found: Found, row: Row) -> list[str]:
    """Returns the cells of a row, below `headings`."""
    own = [] if found.metric == "loss" else [row.loss]
    number = str(row.number)
    return [number, row.score, *own, row.settings, row.seconds, row.note]


def text_table(found: Found) -> str:
    """Returns the best trials for a terminal."""
    best = rows(found)[:_SHOWN]
    lines = [headings(found), *(cells(found, row) for row in best)]
    width = len(lines[0])
    table = aligned(lines, texts=(width - 3, width - 1))
    more = len(found.trials) - len(best)
    note = f"\n... and {more:,} more" if more else ""
    stripped = "\n".join(line.rstrip() for line in table.splitlines())
    return stripped + note


def _row(found: Found, trial: Trial) -> Row:
    def cell(name: str) -> str:
        value = trial.metrics.get(name)
        return MISSING if value is None else metric_of(name).cell(value)

    notes: Sequence[str] = [trial.label, trial.error.rstrip(".")]
    if trial.state != COMPLETE:
        notes = [trial.label, f"{trial.state}: {trial.error}".strip(" .:")]
    return Row(
        number=trial.number,
        score=cell(found.metric),
        loss=cell("loss"),
        settings=settings_text(trial.settings) or MISSING,
        seconds=f"{trial.seconds:,.1f}",
        note=", ".join(filter(None, notes)),
        is_best=trial.number == found.best,
    )
