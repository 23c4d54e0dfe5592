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
_GAINS = (
    "All variants of a seed learn from the same examples. A gain is the mean "
    "of the differences at the same seed, over the seeds that both variants "
    "have; above 0 is better."
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
        ("seeds", _seeds(comparison.scores)),
        ("machine", comparison.machine),
    ]


def method(comparison: Comparison) -> list[str]:
    """Returns how values, gains and verdicts were computed."""
    if all(len(scores.seeds) < 2 for scores in comparison.scores):
        return [_GAINS, _ONE_SEED]
    verdicts = (
        "p is of the paired t-test, by Holm's method for all variants that "
        "are compared with the same one at the same budget. Below "
        f"{LEVEL:g}, a variant helped or hurt; above, it did not help if the "
        f"whole interval is below {_margin(comparison.metric)}, and it is "
        "undecided if not."
    )
    return [_VALUES, _GAINS, verdicts, _REACH]


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
