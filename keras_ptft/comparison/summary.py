"""The numbers and sentences that a comparison comes to."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from keras_ptft.comparison.result import (
    LINEAR,
    SCRATCH,
    SEED,
    TRAINED,
    TUNED,
    Comparison,
    Scores,
)
from keras_ptft.comparison.statistics import (
    Interval,
    PairedTest,
    holm,
    mean_interval,
    overlap_of,
    paired_test,
)
from keras_ptft.comparison.verdicts import (
    HELPED,
    Difference,
    judged,
    linear_sentence,
    margin_of,
    pretraining_sentence,
)
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import METRICS, metric_of

REFERENCES = SCRATCH, LINEAR, TRAINED
"""Variants that every other one is compared with."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One variant at one label budget, over its seeds.

    Attributes:
        variant: its name.
        budget: as it was asked for.
        train_examples: training examples, the mean over seeds.
        metrics: test metric to its mean and interval.
        seconds: of the fastest run, since other work slows some of them.
        trained_parameters: numbers that training could change.
        against: "scratch", "linear" and "trained" to the difference of the
            headline metric from that variant at the same budget; None for the
            variant itself, and where no seed is common.
    """

    variant: str
    budget: str
    train_examples: float
    metrics: Mapping[str, Interval]
    seconds: float
    trained_parameters: int
    against: Mapping[str, Difference | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """All that a comparison comes to; JSON holds it by `asdict`.

    Attributes:
        metric: the headline metric.
        rows: in the order of the comparison's scores.
        sentences: budget to what the comparison says there.
        label_worth: how many times the labels pretraining is worth, or "".
        unit: what the runs differ by, SEED or FOLD.
    """

    metric: str
    rows: Sequence[Row]
    sentences: Mapping[str, Sequence[str]]
    label_worth: str
    unit: str = SEED


def summarise(comparison: Comparison) -> Summary:
    """Computes the intervals, differences and sentences of a comparison.

    Raises:
        UserError: the headline metric has no better direction, or is not a
            finite number in some run.
    """
    _check(comparison)
    rows: list[Row] = []
    for budget in dict.fromkeys(s.budget for s in comparison.scores):
        scores = [s for s in comparison.scores if s.budget == budget]
        found = [_differences(scores, r, comparison) for r in REFERENCES]
        rows += [
            _row(s, [one.get(s.variant) for one in found], comparison.folds)
            for s in scores
        ]
    return Summary(
        metric=comparison.metric,
        rows=rows,
        sentences=_sentences(rows, comparison.metric),
        label_worth=label_worth(rows, comparison.metric),
        unit=comparison.unit,
    )


def label_worth(rows: Sequence[Row], metric: str) -> str:
    """Returns how many times the labels pretraining is worth, in a sentence.

    It follows the mean of scratch against the logarithm of its training
    examples, straight between budgets, up to what fine-tuned has with fewer.
    Only budgets count at which pretraining helped.

    Args:
        rows: of all budgets.
        metric: name of the headline metric.

    Returns:
        A sentence on the smallest such budget, or "" where there is none, or
        where scratch stays below it at every budget that was measured.
    """
    by_size = sorted(rows, key=lambda row: row.train_examples)
    sign = _sign(metric)
    curve = [
        (row.train_examples, sign * row.metrics[metric].mean)
        for row in by_size
        if row.variant == SCRATCH
    ]
    for row in by_size:
        difference = row.against[SCRATCH]
        if row.variant != TUNED or difference is None:
            continue
        has = row.train_examples
        needs = _reached(curve, sign * row.metrics[metric].mean, has)
        if difference.verdict == HELPED and needs is not None:
            return (
                f"Pretraining is worth about {_rounded(needs / has)} times "
                f"the labels: scratch needs {_rounded(needs)} for what "
                f"fine-tuned has with {has:,.0f}."
            )
    return ""


def _check(comparison: Comparison) -> None:
    name = comparison.metric
    if not metric_of(name).direction:
        raise UserError(
            f"The metric of a comparison must be one that is better high or "
            f"low, got {name!r}: name one of "
            f"{', '.join(n for n in METRICS if METRICS[n].direction)}."
        )
    unit = comparison.unit
    for scores in comparison.scores:
        where = f"{scores.variant!r} at budget {scores.budget}"
        if name not in scores.metrics:
            raise UserError(
                f"The metric of a comparison must be one of every variant, "
                f"got {name!r}, which {where} has not: name one of "
                f"{', '.join(scores.metrics)}."
            )
        values = scores.metrics[name]
        for seed, value in zip(scores.seeds, values, strict=True):
            if not math.isfinite(value):
                raise UserError(
                    f"The {name} of {where}, {unit} {seed}, must be a finite "
                    f"number, got {value}: its training diverged; lower its "
                    f"learning rate."
                )


def _row(
    scores: Scores, differences: Sequence[Difference | None], folds: int
) -> Row:
    overlap = overlap_of(folds)
    return Row(
        variant=scores.variant,
        budget=scores.budget,
        train_examples=scores.train_examples,
        metrics={
            n: mean_interval(v, overlap) for n, v in scores.metrics.items()
        },
        seconds=float(min(scores.seconds)),
        trained_parameters=scores.trained_parameters,
        against=dict(zip(REFERENCES, differences, strict=True)),
    )


def _differences(
    scores: Sequence[Scores], reference: str, comparison: Comparison
) -> dict[str, Difference]:
    """Of each variant at one budget from the reference there."""
    metric, overlap = comparison.metric, overlap_of(comparison.folds)
    bases = [_by_seed(s, metric) for s in scores if s.variant == reference]
    base = bases[0] if bases else {}
    tests: dict[str, PairedTest] = {}
    margins: dict[str, float] = {}
    for one in scores:
        own = _by_seed(one, metric)
        common = [seed for seed in own if seed in base]
        if one.variant == reference or not common:
            continue
        after = [own[seed] for seed in common]
        before = [base[seed] for seed in common]
        tests[one.variant] = paired_test(after, before, overlap)
        margins[one.variant] = margin_of(metric, float(np.mean(before)))
    adjusted = holm([test.p for test in tests.values()])
    return {
        name: judged(
            test,
            p,
            margin=margins[name],
            family=len(tests),
            unit=comparison.unit,
        )
        for (name, test), p in zip(tests.items(), adjusted, strict=True)
    }


def _by_seed(scores: Scores, metric: str) -> dict[int, float]:
    """The headline metric, of which more is better."""
    values = [_sign(metric) * value for value in scores.metrics[metric]]
    return dict(zip(scores.seeds, values, strict=True))


def _sign(metric: str) -> int:
    return -1 if metric_of(metric).direction == "lower" else 1


def _sentences(rows: Sequence[Row], metric: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {row.budget: [] for row in rows}
    for row in rows:
        scratch, linear = row.against[SCRATCH], row.against[LINEAR]
        # a linear model has no pretraining to judge
        if scratch and row.variant != LINEAR:
            text = pretraining_sentence(row.variant, scratch, metric)
            found[row.budget].append(text)
        if linear:
            found[row.budget].append(
                linear_sentence(row.variant, linear, metric)
            )
    return {name: [t for t in texts if t] for name, texts in found.items()}


def _reached(
    curve: Sequence[tuple[float, float]], score: float, above: float
) -> float | None:
    """Examples, more than `above`, with which a curve first has a score."""
    for (few, worse), (many, better) in itertools.pairwise(curve):
        if worse < score <= better:
            share = (score - worse) / (better - worse)
            examples = few * (many / few) ** share
            if examples > above:
                return examples
    return None


def _rounded(number: float) -> str:
    """A number to two significant digits, without an exponent."""
    number = float(f"{number:.2g}")
    return f"{number:,.0f}" if number == int(number) else f"{number:g}"
