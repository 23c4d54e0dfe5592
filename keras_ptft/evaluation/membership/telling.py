"""What an attack came to, in words."""

from collections.abc import Mapping
from typing import Any

from keras_ptft.evaluation.membership.strength import RATES
from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.evaluation.report.runs_table import aligned

Attack = Mapping[str, Any]
"""An attack as `result.json` has it."""

TITLES = {
    "auc": "area under the ROC curve",
    "advantage": "advantage",
    "tpr_at_1_percent": "members found at 1 % false alarms",
    "tpr_at_0.1_percent": "members found at 0.1 % false alarms",
}
"""Metric to what a person reads."""

HEADINGS = ("", "measured", "95 % interval", "by chance", "at most")
"""Of the columns of `attack_rows`; the last stands with a guarantee alone."""

_MISSING = "–"
# of both rates together as probable by chance as an area above its interval
_SURE = 0.025 / len(RATES)


def verdict(attack: Attack) -> str:
    """Returns one sentence about an attack.

    Args:
        attack: as `result.json` has it; "attacker" says what it knows.

    Example:

    >>> found = {"attacker": "who knows the loss of an example", "auc": 0.503}
    >>> found |= {"intervals": {"auc": [0.491, 0.515]}}
    >>> print(verdict(found))
    An attacker who knows the loss of an example tells members from others no \
better than by chance (AUC 50.3, 49.1 to 51.5).
    """
    intervals = attack["intervals"]
    low, high = intervals.get("auc", [attack["auc"]] * 2)
    area = _measured(attack, "auc", "AUC")
    found = f"An attacker {attack['attacker']} tells members from others"
    surely = [name for name in RATES if _is_more(attack, name)]
    if low <= 0.5 and not surely and _has_advantage(attack):
        told = _measured(attack, "advantage", "advantage")
        return (
            f"{found} by one threshold ({told}), and over all of them no "
            f"better than by chance ({area})."
        )
    if low <= 0.5 <= high and not surely:
        return f"{found} no better than by chance ({area})."
    if high < 0.5 and not surely:
        return (
            f"{found} worse than by chance ({area}): the test split is "
            "another kind of data, so that this measures little."
        )
    told = f"{found} better than by chance ({area})"
    if not surely:
        return f"{told}."
    rate = surely[-1]
    share = f"{100 * attack[rate]:.1f} %"
    return f"{told}, and finds {share} of them at {100 * RATES[rate]:g} % \
false alarms."


def warning(attack: Attack) -> str:
    """Returns a sentence where an attack breaks a guarantee, or nothing.

    Args:
        attack: as `result.json` has it.
    """
    bound = attack.get("bound")
    if not bound or not bound["exceeded"]:
        return ""
    return (
        f"The attack finds more than epsilon {bound['epsilon']:.4g} at delta "
        f"{bound['delta']:g} allows: the guarantee or the code is broken, or "
        "the test split is another kind of data."
    )


def attack_rows(attack: Attack) -> list[list[str]]:
    """Returns the numbers of an attack as a table, its headings first.

    Args:
        attack: as `result.json` has it.
    """
    most = (attack.get("bound") or {}).get("most", {})
    rows = [list(HEADINGS)]
    for name in [name for name in TITLES if name in attack]:
        ends = attack["intervals"].get(name)
        between = (
            f"{_share(ends[0])} to {_share(ends[1])}" if ends else _MISSING
        )
        chance = _share(attack["by_chance"][name])
        limit = f"{_share(most[name])} %" if name in most else _MISSING
        measured = f"{_share(attack[name])} %"
        rows.append([TITLES[name], measured, between, f"{chance} %", limit])
    return rows if most else [row[:-1] for row in rows]


def attack_sentences(attack: Attack) -> list[str]:
    """Returns all that is said of an attack, the verdict first.

    Args:
        attack: as `result.json` has it.
    """
    gaps = ", ".join(
        f"{metric_of(name).title} {metric_of(name).text(gap['members'])} of "
        f"members and {metric_of(name).text(gap['others'])} of others"
        for name, gap in attack["generalisation"].items()
    )
    told = [verdict(attack), warning(attack), _asked(attack)]
    told += [f"Generalisation: {gaps}."]
    told += [f"Note: {note}." for note in attack["notes"]]
    return [text for text in told if text]


def attack_lines(attack: Attack) -> list[str]:
    """Returns an attack for the terminal.

    Args:
        attack: as `result.json` has it.
    """
    return [aligned(attack_rows(attack)), "", *attack_sentences(attack)]


def _measured(attack: Attack, name: str, title: str) -> str:
    """A metric in percent with its interval, where it has one."""
    told = f"{title} {_share(attack[name])}"
    if ends := attack["intervals"].get(name):
        told += f", {_share(ends[0])} to {_share(ends[1])}"
    return told


def _has_advantage(attack: Attack) -> bool:
    """Whether a threshold chosen on other examples surely tells members."""
    return bool(attack["intervals"].get("advantage", [0.0])[0] > 0.0)


def _is_more(attack: Attack, name: str) -> bool:
    """Whether members are found more often than by chance, surely."""
    return attack.get("p_values", {}).get(name, 1.0) <= _SURE


def _asked(attack: Attack) -> str:
    return (
        f"It was asked about {attack['members']:,} training examples and as "
        "many test examples, class by class."
    )


def _share(value: float) -> str:
    return f"{100 * value:.1f}"
