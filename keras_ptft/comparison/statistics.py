"""What a few seeds tell: intervals, paired tests, and how many would do.

Runs over folds learn from many of the same examples, and so differ less than
runs on examples of their own would. By Nadeau and Bengio (2003, "Inference
for the Generalization Error"), the variance of a mean over k of them is not
1/k of theirs, but 1/k + n_test/n_train: the second part is `overlap` here.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import special, stats

LEVEL = 0.05
"""Chance of finding a difference where there is none."""

FEWEST_ALIKE = 3
"""Seeds of which the same difference is more than chance."""

# differences nearer to each other than this share of the scores are the same:
# they differ by the rounding of 32-bit numbers
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean over seeds and the 95 % interval of the true one.

    Attributes:
        mean: over the seeds.
        low: lower end, or None where there is no interval: of one seed, or
            of values that are not finite.
        high: upper end, likewise.
        count: number of seeds.
    """

    mean: float
    low: float | None
    high: float | None
    count: int

    @property
    def half(self) -> float | None:
        """Half the width, which is shown after ±."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / 2


@dataclasses.dataclass(frozen=True)
class PairedTest:
    """What paired values say about a difference.

    Attributes:
        interval: of the mean difference.
        spread: standard deviation of the differences; 0 of one seed.
        p: of the two-sided paired t-test; 1 where too few seeds differ for
            one.
    """

    interval: Interval
    spread: float
    p: float


def overlap_of(folds: int) -> float:
    """Returns n_test/n_train where each fold is the test split once.

    What a run validates on counts for training: it is not tested on.

    Args:
        folds: how many; 0: runs over seeds, which need no correction.

    Example:

    >>> overlap_of(5), overlap_of(0)
    (0.25, 0.0)
    """
    return 1 / (folds - 1) if folds else 0.0


def mean_interval(values: Sequence[float], overlap: float = 0.0) -> Interval:
    """Returns the mean over seeds, with its 95 % interval by Student's t.

    Args:
        values: one a seed.
        overlap: see the module; 0: each seed stands for itself.

    Example:

    >>> mean_interval([0.5])
    Interval(mean=0.5, low=None, high=None, count=1)
    >>> round(mean_interval([1, 2, 3]).high, 4)
    4.4841
    """
    array = np.asarray(values, np.float64)
    mean = float(np.mean(array))
    if len(array) < 2 or not np.isfinite(array).all():
        return Interval(mean, None, None, len(array))
    spread = float(np.std(array, ddof=1))
    return _interval(mean, spread, len(array), overlap)


def paired_test(
    values: Sequence[float],
    references: Sequence[float],
    overlap: float = 0.0,
) -> PairedTest:
    """Tests whether values differ from those that they are paired with.

    Differences that are all the same leave nothing to compute a t from: then
    p is 1 where they are 0 or of fewer than 3 seeds, and 0 otherwise.

    Args:
        values: one a seed, finite.
        references: of the same seeds, in their order.
        overlap: see the module; 0: each seed stands for itself.

    Example:

    >>> test = paired_test([0.9, 0.8, 0.7], [0.8, 0.6, 0.4])
    >>> round(test.interval.mean, 4), round(test.spread, 4), round(test.p, 4)
    (0.2, 0.1, 0.0742)
    """
    after = np.asarray(values, np.float64)
    before = np.asarray(references, np.float64)
    gains, count = after - before, len(after)
    mean = float(np.mean(gains))
    finest = _ROUNDING * max(np.max(np.abs(after)), np.max(np.abs(before)))
    alike = bool(np.ptp(gains) <= finest)
    if alike and abs(mean) <= finest:
        mean = 0.0
    if count < 2:
        return PairedTest(Interval(mean, None, None, count), 0.0, 1.0)
    if alike:
        p = 0.0 if mean and count >= FEWEST_ALIKE else 1.0
        return PairedTest(_interval(mean, 0.0, count, overlap), 0.0, p)
    spread = float(np.std(gains, ddof=1))
    t = mean / (spread * np.sqrt(1 / count + overlap))
    p = float(2 * special.stdtr(count - 1, -abs(t)))
    return PairedTest(_interval(mean, spread, count, overlap), spread, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts the p of tests that are made together.

    By Holm (1979), "A simple sequentially rejective multiple test
    procedure": the chance that any test finds a difference where there is
    none stays below the level, whatever the tests have to do with each other.

    Args:
        p_values: of each test.

    Returns:
        The adjusted ones, in the same order.

    Example:

    >>> [round(p, 4) for p in holm([0.03, 0.01, 0.04])]
    [0.06, 0.03, 0.06]
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        times = len(p_values) - rank
        largest = max(largest, min(1.0, times * p_values[index]))
        adjusted[index] = largest
    return adjusted


def seeds_needed(
    gain: float,
    spread: float,
    *,
    level: float = LEVEL,
    power: float = 0.8,
    most: int = 1000,
) -> int | None:
    """Returns how many seeds would show a difference, if it is as given.

    Args:
        gain: the mean difference.
        spread: standard deviation of the differences.
        level: of the two-sided paired t-test.
        power: chance that the test finds it.
        most: number of seeds to consider.

    Returns:
        The fewest seeds, at least 2; or None where more than `most` would be
        needed.

    Example:

    >>> seeds_needed(gain=0.5, spread=1.0)
    34
    """
    if gain == 0:
        return None
    if spread == 0:
        return FEWEST_ALIKE
    counts = np.arange(2, most + 1)
    limits = -special.stdtrit(counts - 1, level / 2)
    shift = abs(gain) / spread * np.sqrt(counts)
    # finding it with the wrong sign is as good as impossible at such a power
    # SciPy 1.13 divides by zero on the way to a probability of 1
    with np.errstate(divide="ignore", invalid="ignore"):
        found = stats.nct.sf(limits, counts - 1, shift)
    enough = found >= power
    return int(counts[np.argmax(enough)]) if enough.any() else None


def _interval(
    mean: float, spread: float, count: int, overlap: float
) -> Interval:
    limit = -special.stdtrit(count - 1, LEVEL / 2)
    half = float(limit * spread * np.sqrt(1 / count + overlap))
    return Interval(mean, mean - half, mean + half, count)
