"""What differential privacy leaves an attacker, beside what was measured."""

import math
from collections.abc import Mapping
from typing import Any

from keras_ptft.evaluation.membership.strength import (
    RATES,
    Hits,
    exact_interval,
)

# of both rates together 5 %
_SURE = 0.975


def limits(epsilon: float, delta: float) -> dict[str, float]:
    """Returns the most that any attack reaches on a private model.

    True positives are at most e^epsilon times the false ones, and delta more
    (Kairouz et al. 2015); so the advantage is at most (e^epsilon - 1 + 2
    delta) / (e^epsilon + 1) (Humphries et al. 2023).

    Args:
        epsilon: of the guarantee.
        delta: of the guarantee.

    Returns:
        "advantage", and the metrics of RATES.

    Example:

    >>> found = limits(1.0, 0.0)
    >>> round(found["advantage"], 4), round(found["tpr_at_1_percent"], 4)
    (0.4621, 0.0272)
    """
    # beyond, the limit is 1 in double precision
    factor = math.exp(min(epsilon, 700.0))
    # the same with both sides divided, so that nothing overflows
    advantage = math.tanh(epsilon / 2) + 2 * delta / (factor + 1)
    found = {"advantage": min(advantage, 1.0)}
    for name, rate in RATES.items():
        found[name] = min(factor * rate + delta, 1.0)
    return found


def is_exceeded(hits: Hits, epsilon: float, delta: float) -> bool:
    """Whether hits are more than a guarantee allows, beyond chance.

    Rates of true and false positives are taken at the ends of their
    intervals that speak for the guarantee, as in audits of privacy (Jagielski
    et al. 2020). It holds for whoever is a member and for whoever is not.

    Args:
        hits: at a threshold that was chosen on other examples.
        epsilon: of the guarantee.
        delta: of the guarantee.

    Example:

    >>> is_exceeded(Hits(900, 1000, 10, 1000), 1.0, 1e-5)
    True
    >>> is_exceeded(Hits(500, 1000, 480, 1000), 1.0, 1e-5)
    False
    """
    right = exact_interval(hits.right, hits.members, _SURE)
    wrong = exact_interval(hits.wrong, hits.others, _SURE)
    factor = math.exp(min(epsilon, 700.0))
    as_members = right[0] > factor * wrong[1] + delta
    as_others = 1 - wrong[1] > factor * (1 - right[0]) + delta
    return bool(as_members or as_others)


def beside(
    privacy: Mapping[str, Any] | None, found: Mapping[str, Any], hits: Hits
) -> dict[str, Any] | None:
    """Returns the limits of the metrics that were measured.

    Args:
        privacy: "privacy" of `result.json`; None: nothing is guaranteed.
        found: what `strength` computed.
        hits: what `cross_fitted` counted.

    Returns:
        "epsilon", "delta", "most" by metric, and whether they are "exceeded".
    """
    if not privacy:
        return None
    epsilon, delta = float(privacy["epsilon"]), float(privacy["delta"])
    most = limits(epsilon, delta)
    return {
        "epsilon": epsilon,
        "delta": delta,
        "most": {name: most[name] for name in most if name in found},
        "exceeded": is_exceeded(hits, epsilon, delta),
    }
