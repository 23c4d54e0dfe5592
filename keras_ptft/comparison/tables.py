"""A table for each budget of a comparison, as text."""

from collections.abc import Sequence
from typing import NamedTuple

from keras_ptft.comparison.plan import RECIPE
from keras_ptft.comparison.result import LINEAR
from keras_ptft.comparison.statistics import Interval
from keras_ptft.comparison.summary import REFERENCES, Row, Summary
from keras_ptft.comparison.verdicts import DID_NOT_HELP, HELPED, HURT
from keras_ptft.evaluation.metrics import METRICS, Metric, metric_of

MISSING = "–"
ONE_SEED = "one seed, no interval"
# a linear model has no pretraining that could have helped
_BESIDE_LINEAR = {HELPED: "better", HURT: "worse", DID_NOT_HELP: "no better"}


class Cell(NamedTuple):
    """One cell of a table.

    Attributes:
        text: what is read first.
        note: more of it.
        verdict: of a difference: "helped", "hurt", "did not help" or
            "undecided".
        judged: the verdict in words that suit the column.
    """

    text: str
    note: str = ""
    verdict: str = ""
    judged: str = ""


class Table(NamedTuple):
    """What was measured at one budget.

    Attributes:
        title: the budget.
        sentences: what it proves.
        headings: of the columns after the variant's.
        rows: each variant and its cells.
    """

    title: str
    sentences: Sequence[str]
    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]

    @property
    def heading(self) -> str:
        """The budget as it stands above the table."""
        return self.title[:1].upper() + self.title[1:]


def budget_tables(summary: Summary) -> list[Table]:
    """Returns what was measured, a table a budget."""
    budgets = dict.fromkeys(row.budget for row in summary.rows)
    return [_table(summary, budget) for budget in budgets]


def budget_title(budget: str) -> str:
    """Returns a budget in words.

    Example:

    >>> budget_title("10"), budget_title("1"), budget_title("50%")
    ('10 labels a class', '1 label a class', '50 % of the labels')
    >>> budget_title("recipe")
    'the labels of the recipe'
    """
    if budget.isdecimal():
        return f"{budget} label{'' if budget == '1' else 's'} a class"
    if budget == RECIPE:
        return "the labels of the recipe"
    return f"{budget.rstrip(' %')} % of the labels"


def _table(summary: Summary, budget: str) -> Table:
    metric = summary.metric
    rows = [row for row in summary.rows if row.budget == budget]
    references = [
        name for name in REFERENCES if any(row.against[name] for row in rows)
    ]
    others = _other_metrics(rows, metric)
    points = ", points" if metric_of(metric).percent else ""
    headings = [
        "training examples",
        metric_of(metric).heading,
        *(f"gain over {name}{points}" for name in references),
        *(metric_of(name).heading for name in others),
        "trained parameters",
        "seconds",
    ]
    cells = [
        (row.variant, _cells(row, metric, references, others)) for row in rows
    ]
    sentences = summary.sentences[budget]
    return Table(budget_title(budget), sentences, headings, cells)


def _cells(
    row: Row, metric: str, references: Sequence[str], others: Sequence[str]
) -> list[Cell]:
    shown = metric_of(metric)
    return [
        Cell(f"{row.train_examples:,.0f}"),
        _measured(row.metrics[metric], shown, noted=True),
        *(_gain(row, name, shown) for name in references),
        *(_measured(row.metrics.get(name), metric_of(name)) for name in others),
        Cell(f"{row.trained_parameters:,}"),
        Cell(f"{row.seconds:,.1f}"),
    ]


def _other_metrics(rows: Sequence[Row], metric: str) -> list[str]:
    """The metrics that tables of runs show, beside the headline one."""
    names = [*METRICS, *(name for row in rows for name in row.metrics)]
    return [
        name
        for name in dict.fromkeys(names)
        if name != metric
        and metric_of(name).in_table
        and any(name in row.metrics for row in rows)
    ]


def _measured(
    interval: Interval | None, metric: Metric, noted: bool = False
) -> Cell:
    if interval is None:
        return Cell(MISSING)
    mean = metric.cell(interval.mean)
    if interval.half is None:
        return Cell(mean, ONE_SEED if noted else "")
    return Cell(f"{mean} ± {metric.cell(interval.half)}")


def _gain(row: Row, reference: str, metric: Metric) -> Cell:
    difference = row.against[reference]
    if difference is None:
        return Cell(MISSING)
    verdict = judged = difference.verdict
    if LINEAR in (row.variant, reference):
        judged = _BESIDE_LINEAR.get(verdict, verdict)
    gain = _signed(difference.gain, metric)
    if difference.low is None or difference.high is None:
        return Cell(gain, ONE_SEED, verdict, judged)
    half = (difference.high - difference.low) / 2
    ends = [_signed(end, metric) for end in (difference.low, difference.high)]
    note = f"{ends[0]} to {ends[1]}, {_chance(difference.p)}"
    return Cell(f"{gain} ± {metric.cell(half)}", note, verdict, judged)


def _chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _signed(value: float, metric: Metric) -> str:
    """A number with its sign, and no sign where it is shown as zero."""
    text = metric.cell(abs(value))
    if not text.strip("0.,"):
        return text
    return ("-" if value < 0 else "+") + text
