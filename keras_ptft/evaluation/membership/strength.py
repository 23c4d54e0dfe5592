"""How well scores tell members of a training split from others."""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaincinv

from keras_ptft.evaluation.intervals import Interval

RATES = {"tpr_at_1_percent": 0.01, "tpr_at_0.1_percent": 0.001}
"""Metric to the false-positive rate that it is told at."""

_SEED = 0
_SURE = 0.95
_Z = 1.959964
# of an interval with two sources of chance, on either side
_TAIL = (1 - _SURE) / 4
# of a stored curve; more are not seen
_MOST_POINTS = 200


class Hits(NamedTuple):
    """How many examples an attacker takes for members.

    Attributes:
        right: of the members.
        members: how many there are.
        wrong: of the others.
        others: how many there are.
    """

    right: int
    members: int
    wrong: int
    others: int

    @property
    def advantage(self) -> float:
        """The rate of true positives less that of false ones."""
        return self.right / self.members - self.wrong / self.others


def strength(members: np.ndarray, others: np.ndarray) -> dict[str, Any]:
    """Computes what an attack comes to, as `result.json` has it.

    The area under the ROC curve has the interval of DeLong et al. 1988. True
    positives at a low rate of false ones (Carlini et al. 2022) need 1 / rate
    others. Their interval counts that the threshold of that rate is not known
    well, so that it is wide where others are few. Where the advantage (Yeom
    et al. 2018) is largest is chosen on one half of the examples and measured
    on the other, so that luck does not count; its interval is that of
    Newcombe 1998.

    Args:
        members: float of shape (members,), higher for likelier members.
        others: likewise of examples that were not trained on.

    Returns:
        "auc", "advantage", those of RATES, their "intervals", what guessing
        gives "by_chance", the "roc" curve, and as "p_values" how probable it
        is to find as many members at a rate, or more, by guessing.

    Example:

    >>> found = strength(np.array([3.0, 2.0, 1.0]), np.array([2.5, 0.5, 0.0]))
    >>> round(found["auc"], 4)  # 7 of 9 pairs
    0.7778
    """
    from sklearn.metrics import auc

    fpr, tpr = _curve(members, others)
    hits = cross_fitted(members, others)
    found = {"auc": float(auc(fpr, tpr))}
    intervals = {"auc": _delong(members, others)}
    found["advantage"] = hits.advantage
    intervals["advantage"] = _newcombe(hits)
    p_values = {}
    for name, rate in RATES.items():
        # one false positive in so many
        if len(others) * rate >= 1:
            at_rate = _at_rate(members, others, rate)
            found[name], intervals[name], p_values[name] = at_rate
    chance = {"auc": 0.5, "advantage": 0.0} | RATES
    return {
        **found,
        "intervals": {k: v for k, v in intervals.items() if v is not None},
        "by_chance": {name: chance[name] for name in found},
        "p_values": p_values,
        "roc": _stored(fpr, tpr),
    }


def cross_fitted(members: np.ndarray, others: np.ndarray) -> Hits:
    """Counts hits at thresholds that were chosen on other examples.

    Args:
        members: as in `strength`.
        others: as in `strength`.
    """
    numbers = np.random.default_rng(_SEED)
    folds = [numbers.permutation(len(x)) % 2 for x in (members, others)]
    right = wrong = 0
    for fold in (0, 1):
        threshold = _best_threshold(
            members[folds[0] != fold], others[folds[1] != fold]
        )
        right += int((members[folds[0] == fold] >= threshold).sum())
        wrong += int((others[folds[1] == fold] >= threshold).sum())
    return Hits(right, len(members), wrong, len(others))


def exact_interval(
    successes: int, trials: int, sure: float = _SURE
) -> Interval:
    """Returns the interval of Clopper and Pearson for a share.

    Args:
        successes: how many of the trials.
        trials: at least 1.
        sure: its confidence.

    Example:

    >>> [round(end, 4) for end in exact_interval(0, 10)]
    [0.0, 0.3085]
    """
    tail, failures = (1 - sure) / 2, trials - successes
    low = betaincinv(successes, failures + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures else 1.0
    return [float(low), float(high)]


def _at_rate(
    members: np.ndarray, others: np.ndarray, rate: float
) -> tuple[float, Interval, float]:
    """True positives at a rate of false ones, their interval, and p-value.

    The ends are those of Clopper and Pearson 1934 at thresholds between which
    the one of this rate is: so many of the others are above it, by the
    binomial distribution. Where scores tell nothing, all orders of members
    and others are equally probable.
    """
    from scipy.stats import binom, hypergeom

    m, n = len(members), len(others)
    ordered = np.sort(others)[::-1]

    def above(false: int) -> int:
        """Members that are ahead of all others but so many."""
        return int((members > ordered[false]).sum()) if false < n else m

    # floating point has 0.01 * 700 above 7
    allowed = int(n * rate + 1e-9)
    right = above(allowed)
    least, most = binom.ppf([_TAIL, 1 - _TAIL], n, rate).astype(int)
    low = exact_interval(above(least - 1), m, 1 - 2 * _TAIL)[0] if least else 0
    high = exact_interval(above(most), m, 1 - 2 * _TAIL)[1]
    chance = hypergeom.cdf(allowed, m + n, n, right + allowed) if right else 1
    return right / m, [float(low), float(high)], float(chance)


def _curve(
    members: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The rates of false and of true positives, the surest first."""
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(*_joined(members, others))
    return fpr, tpr


def _best_threshold(members: np.ndarray, others: np.ndarray) -> float:
    from sklearn.metrics import roc_curve

    fpr, tpr, thresholds = roc_curve(*_joined(members, others))
    return float(thresholds[np.argmax(tpr - fpr)])


def _joined(
    members: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each is a member, and its score."""
    is_member = np.repeat([1, 0], [len(members), len(others)])
    return is_member, np.concatenate([members, others])


def _delong(members: np.ndarray, others: np.ndarray) -> Interval | None:
    """The interval of the area; None where the scores separate all."""
    from scipy.stats import rankdata

    m, n = len(members), len(others)
    ranks = rankdata(np.concatenate([members, others]))
    # for each example the share of the other kind that it is ahead of
    ahead = (ranks[:m] - rankdata(members)) / n
    behind = 1 - (ranks[m:] - rankdata(others)) / m
    variance = ahead.var(ddof=1) / m + behind.var(ddof=1) / n
    if not variance > 0:
        return None
    area, reach = ahead.mean(), _Z * math.sqrt(variance)
    return [float(max(area - reach, 0)), float(min(area + reach, 1))]


def _newcombe(hits: Hits) -> Interval:
    """The interval of a difference of two shares, of their Wilson ends."""
    of_right = _wilson(hits.right, hits.members)
    of_wrong = _wilson(hits.wrong, hits.others)
    a, b = hits.right / hits.members, hits.wrong / hits.others
    low = math.hypot(a - of_right[0], of_wrong[1] - b)
    high = math.hypot(of_right[1] - a, b - of_wrong[0])
    return [a - b - low, a - b + high]


def _wilson(successes: int, trials: int) -> Interval:
    from scipy.stats import binomtest

    found = binomtest(successes, trials).proportion_ci(_SURE, method="wilson")
    return [float(found.low), float(found.high)]


def _stored(fpr: np.ndarray, tpr: np.ndarray) -> dict[str, list[float]]:
    """Some points of a curve, dense where few are false."""
    chosen = np.arange(len(fpr))
    if len(fpr) > _MOST_POINTS:
        some = np.geomspace(1, len(fpr), _MOST_POINTS) - 1
        chosen = np.unique(some.round().astype(np.int64))
    return {"fpr": fpr[chosen].tolist(), "tpr": tpr[chosen].tolist()}
