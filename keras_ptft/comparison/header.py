"""Writes what was measured into the header of a recipe."""

import os
import textwrap
from collections.abc import Iterable, Sequence

from keras_ptft import files
from keras_ptft.comparison.result import FOLD, RECIPES, Comparison, counted
from keras_ptft.comparison.statistics import Interval
from keras_ptft.comparison.summary import Row, Summary
from keras_ptft.evaluation.metrics import Metric, metric_of

_MARK = "# Measured:"
_WIDTH = 80


def write_header(
    path: str | os.PathLike, comparison: Comparison, summary: Summary
) -> None:
    """Replaces the paragraph of a recipe's header that says its numbers.

    It begins with "# Measured:", and its other lines are indented. Where
    there is none, it is added after the header. All other lines stay.

    Args:
        path: the recipe, written beside and renamed.
        comparison: what was measured.
        summary: what it came to.
    """
    lines = files.read_text(path).splitlines()
    start, end = _place(lines)
    paragraph = textwrap.wrap(
        f"{_MARK} {measured_sentence(comparison, summary)}",
        _WIDTH,
        subsequent_indent="#   ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    lines[start:end] = paragraph
    files.write_text(path, "\n".join(lines) + "\n")


def measured_sentence(comparison: Comparison, summary: Summary) -> str:
    """Returns scores and seconds of every variant at the largest budget."""
    last = summary.rows[-1].budget
    rows = [row for row in summary.rows if row.budget == last]
    rows.sort(key=lambda row: row.variant not in RECIPES)
    metric = metric_of(summary.metric)
    scores = "; ".join(_scored(row, summary.metric) for row in rows)
    sentences = " ".join(f"{s}." for s in summary.sentences[last])
    return (
        f"test {metric.title} over {_runs(comparison)} on "
        f"{comparison.machine}: "
        f"{scores} (means, with half of the 95 % intervals, "
        f"and the seconds of the fastest run). {sentences}"
    )


def _scored(row: Row, metric: str) -> str:
    score = _text(row.metrics[metric], metric_of(metric))
    return f"{row.variant} {score}, {row.seconds:.0f} s"


def _text(interval: Interval, metric: Metric) -> str:
    mean = metric.text(interval.mean)
    if interval.half is None:
        return mean
    return f"{mean} ± {metric.cell(interval.half)}"


def _runs(comparison: Comparison) -> str:
    if comparison.folds:
        return counted(comparison.folds, FOLD)
    seeds = sorted({s for scores in comparison.scores for s in scores.seeds})
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {seeds[0]} to {seeds[-1]}"


def _place(lines: Sequence[str]) -> tuple[int, int]:
    """Where the paragraph is, or is to be: from a line up to another."""
    starts = [i for i, line in enumerate(lines) if line.startswith(_MARK)]
    if starts:
        start = starts[0]
        return start, start + 1 + _count(lines[start + 1 :], "#   ")
    end = _count(lines, "#")
    return end, end


def _count(lines: Iterable[str], prefix: str) -> int:
    """How many of the first lines begin so."""
    count = 0
    for line in lines:
        if not line.startswith(prefix):
            break
        count += 1
    return count
