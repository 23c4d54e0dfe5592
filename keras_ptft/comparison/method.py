"""What was compared and how, in plain words."""

import collections
from collections.abc import Iterable

from keras_ptft.comparison.result import Comparison, Scores
from keras_ptft.comparison.statistics import LEVEL
from keras_ptft.comparison.tables import budget_title
from keras_ptft.comparison.verdicts import SEEDS, margin_of
from keras_ptft.evaluation.metrics import metric_of

_VALUES = (
    "A value is the mean over seeds ± half the width of its 95 % interval, "
    "by Student's t from the spread over the seeds."
)
_ONE_SEED = (
    "One seed has no spread, so there are no intervals and no verdicts: run "
    f"at least {SEEDS}."
)
_VALUES_OF_FOLDS = (
    "A value is the mean over folds ± half the width of its 95 % interval. "
    "Folds learn from many of the same examples, so the interval is that of "
    "the corrected resampled t-test (Nadeau and Bengio 2003): the variance of "
    "the mean is 1/{folds} + 1/{others} of that over the folds."
)
_GAINS = (
    "All variants of a {unit} learn from the same examples. A gain is the "
    "mean of the differences at the same {unit}, over the {unit}s that both "
    "variants have; above 0 is better."
)
_SECONDS = "Seconds are those of the fastest run."
_REACH_OF_FOLDS = (
    "Each example is tested once, by models that have not seen it. Intervals "
    "tell what other such examples would change; test data from elsewhere may "
    "change more."
)
_REACH = (
    "Intervals tell what other seeds would change; test data from elsewhere "
    "may change more."
)


def facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Returns what was compared: the name of each fact, and the fact."""
    metric = metric_of(comparison.metric)
    variants = dict.fromkeys(scores.variant for scores in comparison.scores)
    return [
        ("variants", ", ".join(variants)),
        ("metric", f"{metric.title} on test, {metric.direction} is better"),
        (f"{comparison.unit}s", _seeds(comparison.scores)),
        ("machine", comparison.machine),
    ]


def method(comparison: Comparison) -> list[str]:
    """Returns how values, gains and verdicts were computed."""
    gains = _GAINS.format(unit=comparison.unit)
    if all(len(scores.seeds) < 2 for scores in comparison.scores):
        return [gains, _ONE_SEED, _SECONDS]
    values, reach, corrected = _VALUES, _REACH, ""
    if folds := comparison.folds:
        values = _VALUES_OF_FOLDS.format(folds=folds, others=folds - 1)
        reach, corrected = _REACH_OF_FOLDS, ", corrected likewise"
    verdicts = (
        f"p is of the paired t-test{corrected}, by Holm's method for all "
        "variants that are compared with the same one at the same budget. "
        f"Below {LEVEL:g}, a variant helped or hurt; above, it did not help "
        f"if the whole interval is below {_margin(comparison.metric)}, and it "
        "is undecided if not."
    )
    return [values, gains, verdicts, reach, _SECONDS]


def _margin(metric: str) -> str:
    """The gain that is none, in words."""
    margin = margin_of(metric, 1)
    if margin != margin_of(metric, 2):
        return f"{100 * margin:g} % of the mean of the other"
    is_percent = metric_of(metric).percent
    return f"{100 * margin:g} points" if is_percent else f"{margin:g}"


def _seeds(scores: Iterable[Scores]) -> str:
    """The seeds of most, and then those of each that has others."""
    by_seeds = collections.defaultdict(list)
    for one in scores:
        by_seeds[tuple(one.seeds)].append(one)
    (most, _), *others = sorted(
        by_seeds.items(), key=lambda item: -len(item[1])
    )
    texts = [_listed(most)]
    for seeds, ones in others:
        names = [f"{one.variant} at {budget_title(one.budget)}" for one in ones]
        texts.append(f"{', '.join(names)}: {_listed(seeds)}")
    return "; ".join(texts)


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))
