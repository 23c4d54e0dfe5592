"""What a difference between two variants means, in a word and a sentence."""

import dataclasses

from keras_ptft.comparison.result import FOLD, SEED, counted
from keras_ptft.comparison.statistics import (
    FEWEST_ALIKE,
    LEVEL,
    PairedTest,
    seeds_needed,
)
from keras_ptft.evaluation.metrics import METRICS, metric_of

HELPED, HURT = "helped", "hurt"
DID_NOT_HELP, UNDECIDED = "did not help", "undecided"

SEEDS = 5
"""Seeds that are asked for where there was one, which has no spread."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """How much better one variant is than another, over the same seeds.

    Attributes:
        gain: mean difference of the headline metric in its own unit
            (accuracy: a fraction); above 0 is better, whatever the direction
            of the metric.
        low: lower end of the 95 % interval of the gain; None of one seed.
        high: upper end, likewise.
        p: of the paired t-test, adjusted for the variants that were compared
            with the same one.
        count: number of seeds that both have.
        verdict: "helped", "hurt", "did not help" or "undecided".
        needed: about how many seeds in all would decide; None where it is
            decided, or where that takes more than 1,000, and of folds.
        unit: what the runs differ by, SEED or FOLD.
    """

    gain: float
    low: float | None
    high: float | None
    p: float
    count: int
    verdict: str
    needed: int | None
    unit: str = SEED


def margin_of(metric: str, reference: float) -> float:
    """Returns the gain below which a variant does not help.

    Args:
        metric: name of the headline metric.
        reference: mean of the variant that it is compared with.

    Returns:
        Half a point of a metric that is a fraction, else 2 % of `reference`.

    Example:

    >>> margin_of("accuracy", 0.9), margin_of("mae", 12.0)
    (0.005, 0.24)
    """
    # every metric of the table that had better be high ends at 1
    if metric in METRICS and METRICS[metric].direction == "higher":
        return 0.005
    return 0.02 * abs(reference)


def verdict_of(test: PairedTest, p: float, margin: float) -> str:
    """Returns the verdict on one difference.

    Args:
        test: of the gains.
        p: its adjusted p.
        margin: a gain below this is none.
    """
    if p < LEVEL:
        return HELPED if test.interval.mean > 0 else HURT
    high, count = test.interval.high, test.interval.count
    known = test.spread > 0 or count >= FEWEST_ALIKE
    if high is not None and known and high < margin:
        return DID_NOT_HELP
    return UNDECIDED


def judged(
    test: PairedTest,
    p: float,
    *,
    margin: float,
    family: int,
    unit: str = SEED,
) -> Difference:
    """Returns a difference with its verdict.

    Args:
        test: of the gains.
        p: its adjusted p.
        margin: a gain below this is none.
        family: number of tests that `p` was adjusted for.
        unit: what the runs differ by, SEED or FOLD.
    """
    interval, verdict = test.interval, verdict_of(test, p, margin)
    needed = None
    # more folds of the same examples are no more evidence
    if verdict == UNDECIDED and unit == SEED:
        needed = _needed(test, margin, family)
    return Difference(
        gain=interval.mean,
        low=interval.low,
        high=interval.high,
        p=p,
        count=interval.count,
        verdict=verdict,
        needed=needed,
        unit=unit,
    )


def pretraining_sentence(
    variant: str, difference: Difference, metric: str
) -> str:
    """Returns what a comparison with training from scratch says.

    Args:
        variant: that was compared.
        difference: from scratch.
        metric: name of the headline metric.

    Example:

    >>> gain = Difference(gain=0.041, low=0.033, high=0.049, p=0.001,
    ...                   count=5, verdict="helped", needed=None)
    >>> print(pretraining_sentence("probe", gain, "accuracy"))
    probe: pretraining helped by 4.1 ± 0.8 points (95 % interval, 5 seeds)
    """
    if difference.verdict == UNDECIDED:
        return f"{variant}: {_undecided(difference, metric)}"
    sign = -1 if difference.verdict == HURT else 1
    amount = _amount(difference, metric, sign)
    by = f"{difference.verdict} by"
    if difference.verdict == DID_NOT_HELP:
        by = f"{DID_NOT_HELP}:"
    return f"{variant}: pretraining {by} {amount} ({_basis(difference)})"


def linear_sentence(variant: str, difference: Difference, metric: str) -> str:
    """Returns what a comparison with a linear model says against a variant.

    Args:
        variant: that was compared.
        difference: from the linear model.
        metric: name of the headline metric.

    Returns:
        A sentence, or "" where the variant is better than the linear model.
    """
    if difference.verdict == HELPED:
        return ""
    start = f"{variant}: a linear model"
    if difference.verdict == HURT:
        amount = _amount(difference, metric, sign=-1)
        return f"{start} does better by {amount} ({_basis(difference)})"
    if difference.verdict == UNDECIDED:
        runs = counted(difference.count, difference.unit)
        return f"{start} may do as well (undecided over {runs})"
    return f"{start} does as well"


def _needed(test: PairedTest, margin: float, family: int) -> int | None:
    """About how many seeds show a difference, or that there is no gain."""
    if test.interval.count == 1:
        return SEEDS
    gain, spread = test.interval.mean, test.spread
    # the first level of Holm's, which is enough whatever the others show
    found = [seeds_needed(gain, spread, level=LEVEL / family)]
    if gain < margin:
        found.append(seeds_needed(margin - gain, spread))
    return min((n for n in found if n is not None), default=None)


def _undecided(difference: Difference, metric: str) -> str:
    count, low, high = difference.count, difference.low, difference.high
    amount, needed = _amount(difference, metric), difference.needed
    if low is None or high is None:
        amount += ", 1 seed"
    elif low < high and (low > 0 or high < 0):
        # the interval alone looks decided
        amount += f", p = {difference.p:.2g} with all variants counted"
    start = "undecided whether pretraining helped"
    if difference.unit == FOLD:
        return f"{start} ({amount}, {counted(count, FOLD)})"
    tell = "more than 1,000 seeds would be needed to tell"
    if needed is not None:
        more = counted(needed - count, SEED).replace(" ", " more ")
        tell = f"about {more} would tell"
    return f"{start} ({amount}): {tell}"


def _basis(difference: Difference) -> str:
    return f"95 % interval, {counted(difference.count, difference.unit)}"


def _amount(difference: Difference, metric: str, sign: int = 1) -> str:
    """The gain and half the width of its interval, in the metric's unit."""
    row, gain = metric_of(metric), sign * difference.gain
    numbers = [gain]
    if difference.low is not None and difference.high is not None:
        numbers.append((difference.high - difference.low) / 2)
    if row.percent:
        numbers = [100 * number for number in numbers]
    digits = row.digits
    if row.percent and not any(0 < abs(n) < 0.05 for n in numbers):
        digits = 1
    # adding 0 takes the sign from what is rounded to nothing
    texts = [f"{round(number, digits) + 0:,.{digits}f}" for number in numbers]
    unit = "points" if row.percent else row.unit or row.title
    return f"{' ± '.join(texts)} {unit}"
