"""How far one histogram has moved from another, and what is chance."""

import math

import numpy as np
from scipy.special import chdtri

MOVED, MOVED_A_LOT = 0.1, 0.25
"""From where an index is called moved, and above which moved a lot.

They are the usual ones of credit scoring (Siddiqi 2006, "Credit Risk
Scorecards"; Yurdakul and Naranjo 2020).
"""

_LEAST_SHARE = 1e-4


def stability_index(expected: np.ndarray, actual: np.ndarray) -> float:
    """Computes the population stability index of two histograms.

    It is the sum over the bins of (a - e) ln(a / e), with e and a the shares
    of the examples that are expected and found there. An empty bin counts as
    half an example, or as a share of 1e-4 where that is more: so the
    logarithm exists, and one bin that a few examples left empty by chance
    does not decide.

    Args:
        expected: counts of the reference, of shape (bins,).
        actual: counts in the same bins.

    Returns:
        At least 0; 0 for the same shares.

    Example:

    >>> halves, quarters = np.array([50, 50]), np.array([75, 25])
    >>> round(stability_index(halves, quarters), 4)  # (ln 1.5 + ln 2) / 4
    0.2747
    """
    e, a = _shares(expected), _shares(actual)
    used = (expected > 0) | (actual > 0)
    terms = (a - e) * np.log(a / e)
    return float(terms[used].sum())


def chance_index(
    expected: np.ndarray, actual: np.ndarray, level: float = 0.95
) -> float:
    """Computes how large the index may be although nothing has changed.

    Of m and n examples of one population, the index divided by 1/m + 1/n has
    about a chi-square distribution with one degree of freedom less than bins
    (Yurdakul and Naranjo 2020, "Statistical properties of the population
    stability index", Journal of Risk Model Validation 14).

    Args:
        expected: counts of the reference, of shape (bins,).
        actual: counts in the same bins.
        level: probability that it is not larger by chance.

    Example:

    >>> counts = np.array([500, 500])
    >>> round(chance_index(counts, counts), 5)  # 3.8415 / 500
    0.00768
    """
    freedom = _freedom(expected, actual)
    if not freedom:
        return 0.0
    scale = 1 / expected.sum() + 1 / actual.sum()
    return float(chdtri(freedom, 1 - level) * scale)


def examples_needed(
    expected: np.ndarray, actual: np.ndarray, level: float = 0.95
) -> int | None:
    """Computes of how many examples an index of `MOVED` would be no chance.

    Args:
        expected: counts of the reference, of shape (bins,).
        actual: counts in the same bins, which say how many bins there are.
        level: as in `chance_index`.

    Returns:
        The number, two digits of it; None where the reference has too few
        examples to tell.

    Example:

    >>> examples_needed(np.array([500, 500]), np.array([13, 7]))
    40
    """
    # not of the index that was found: with few examples it is mostly chance
    limit = chdtri(_freedom(expected, actual), 1 - level)
    rest = MOVED / limit - 1 / expected.sum()
    if rest <= 0:
        return None
    return math.ceil(float(f"{1 / rest:.2g}"))


def _shares(counts: np.ndarray) -> np.ndarray:
    total = counts.sum()
    return np.maximum(counts / total, max(_LEAST_SHARE, 0.5 / total))


def _freedom(expected: np.ndarray, actual: np.ndarray) -> int:
    return int(np.count_nonzero((expected > 0) | (actual > 0))) - 1
