"""Groups of test examples by another column, and how far apart they score."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.data.core.classes import listed
from keras_ptft.evaluation.metrics import metric_of, shown_metrics
from keras_ptft.evaluation.report.runs_table import aligned

FEWEST = 20
"""Groups of fewer examples are scored together."""

ALL, SMALL, EMPTY = "(all)", "(small groups)", "(empty)"
"""What the whole split is called, those groups together, and examples with
nothing in the column."""

# numbers of more different values are scored by quartile
_MOST_VALUES = 20
_QUARTERS = (0.25, 0.5, 0.75)
_MISSING = "–"


class Groups(NamedTuple):
    """Which examples are in each group.

    Attributes:
        members: name of a group to the indices of its examples, int64.
        notes: how groups were made of values, a sentence each.
    """

    members: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()


def groups_of(values: Sequence[str], column: str) -> Groups:
    """Divides examples by what they have in a column.

    Args:
        values: the text of each example's cell; "" is nothing.
        column: its name, for notes.

    Returns:
        The largest group first, but quartiles in their order.

    Example:

    >>> found = groups_of(["a"] * 30 + ["b"] * 20 + ["c", "d"], "owner")
    >>> {name: len(members) for name, members in found.members.items()}
    {'a': 30, 'b': 20, '(small groups)': 2}
    >>> found.notes
    ("groups of 'owner' under 20 examples are told together: c, d",)
    """
    texts = np.array(values, object)
    numbers = _numbers(texts)
    notes: tuple[str, ...] = ()
    if numbers is None:
        names = {value: value or EMPTY for value in texts}
        found = {
            n: np.flatnonzero(texts == value) for value, n in names.items()
        }
        order = sorted(found, key=lambda name: (-len(found[name]), name))
    else:
        found = _quartiles(numbers)
        order = list(found)
        notes = (f"{column!r} is told by quartiles of its numbers",)
    small = [name for name in order if len(found[name]) < FEWEST]
    members = {name: found[name] for name in order if name not in small}
    if small:
        members[SMALL] = np.sort(np.concatenate([found[n] for n in small]))
        notes += (
            f"groups of {column!r} under {FEWEST} examples are told together: "
            f"{listed(small)}",
        )
    return Groups(members, notes)


class Gap(NamedTuple):
    """How far apart the best and the worst group are.

    Attributes:
        metric: what they are compared by.
        best: name of the best group.
        worst: name of the worst one.
        size: how much better, in the unit of the metric; at least 0.
        low: lower end of the 95 % interval of the difference; None where
            the metric has no intervals.
        high: upper end, likewise.
    """

    metric: str
    best: str
    worst: str
    size: float
    low: float | None
    high: float | None


def largest_gap(scored: Mapping[str, Mapping[str, Any]]) -> Gap | None:
    """Returns the gap between the best and the worst group.

    Its interval is computed from those of the two groups, which share no
    example (Zou and Donner 2008, "Construction of Confidence Limits about
    Effect Measures: A General Approach"). Groups that were joined are none.

    Args:
        scored: name of a group to its metrics, as `result.json` has them.

    Returns:
        By the first metric that tables show and that has intervals, or else
        by the first that they show; None of fewer than two groups.

    Example:

    >>> found = largest_gap({
    ...     "a": {"accuracy": 0.9, "intervals": {"accuracy": [0.86, 0.93]}},
    ...     "b": {"accuracy": 0.7, "intervals": {"accuracy": [0.66, 0.74]}},
    ... })
    >>> found.best, found.worst, round(found.low, 4), round(found.high, 4)
    ('a', 'b', 0.1434, 0.25)
    """
    groups = {k: part for k, part in scored.items() if k != SMALL}
    if len(groups) < 2:
        return None
    name = headline(groups.values())
    sign = -1 if metric_of(name).direction == "lower" else 1
    scores = {group: sign * part[name] for group, part in groups.items()}
    best = max(scores, key=scores.__getitem__)
    worst = min(scores, key=scores.__getitem__)
    a, b = scores[best], scores[worst]
    of_best, of_worst = (_ends(groups[g], name, sign) for g in (best, worst))
    if of_best is None or of_worst is None:
        return Gap(name, best, worst, a - b, None, None)
    low = a - b - math.hypot(a - of_best[0], of_worst[1] - b)
    high = a - b + math.hypot(of_best[1] - a, b - of_worst[0])
    return Gap(name, best, worst, a - b, low, high)


def headline(scored: Iterable[Mapping[str, Any]]) -> str:
    """Returns the metric that groups are compared by; see `largest_gap`.

    Args:
        scored: the metrics of each group, at least one.
    """
    first, *others = scored
    shown = [
        name
        for name in shown_metrics(first)
        if metric_of(name).direction
        and all(name in shown_metrics(other) for other in others)
    ]
    known = [name for name in shown if name in first.get("intervals", {})]
    return [*known, *shown][0]


def group_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Returns a table of groups, and what it says, for the terminal.

    Args:
        metrics: of the whole split; "by" has the groups' `column`, `groups`,
            `largest_gap` and `notes`.
    """
    by = metrics["by"]
    names = list(shown_metrics(metrics))
    rows = [[by["column"], "examples", *(metric_of(n).heading for n in names)]]
    rows += [
        [group, f"{part['examples']:,}", *(_cell(part, n) for n in names)]
        for group, part in {**by["groups"], ALL: metrics}.items()
    ]
    told = [aligned(rows), ""]
    if by["largest_gap"]:
        told.append(gap_line(Gap(**by["largest_gap"])))
        count = len(by["groups"].keys() - {SMALL})
        if count > 2:
            told.append(
                "The interval does not count that these two are the farthest "
                f"apart of {count} groups."
            )
    return [*told, *(f"Note: {note}." for note in by["notes"])]


def gap_line(gap: Gap) -> str:
    """Returns a gap in words.

    Example:

    >>> print(gap_line(Gap("accuracy", "a", "b", 0.2, 0.1434, 0.25)))
    Largest gap: 20.00 points of accuracy between a and b (95 % interval 14.34 \
to 25.00).
    """
    metric = metric_of(gap.metric)
    unit = f"points of {metric.title}" if metric.percent else metric.title
    text = f"Largest gap: {metric.cell(gap.size)} {unit} between "
    text += f"{gap.best} and {gap.worst}"
    if gap.low is None or gap.high is None:
        return f"{text}."
    ends = f"{metric.cell(gap.low)} to {metric.cell(gap.high)}"
    return f"{text} (95 % interval {ends})."


def _numbers(texts: np.ndarray) -> np.ndarray | None:
    """The numbers that texts are, NaN for none; None if they are few or no."""
    given = {text for text in texts if text}
    try:
        numbers = {text: float(text) for text in given}
    except ValueError:
        return None
    if len(set(numbers.values())) <= _MOST_VALUES:
        return None
    if not all(map(math.isfinite, numbers.values())):
        return None
    return np.array([numbers.get(text, np.nan) for text in texts])


def _quartiles(numbers: np.ndarray) -> dict[str, np.ndarray]:
    """The examples of each quartile, lowest first, then those of none."""
    low, middle, high = np.nanquantile(numbers, _QUARTERS)
    ends = [-np.inf, low, middle, high, np.inf]
    names = [
        f"up to {low:.6g}",
        f"above {low:.6g} to {middle:.6g}",
        f"above {middle:.6g} to {high:.6g}",
        f"above {high:.6g}",
    ]
    found = {
        name: np.flatnonzero((numbers > start) & (numbers <= end))
        for name, start, end in zip(names, ends[:-1], ends[1:], strict=True)
    }
    found[EMPTY] = np.flatnonzero(np.isnan(numbers))
    return {name: members for name, members in found.items() if len(members)}


def _ends(
    metrics: Mapping[str, Any], name: str, sign: int
) -> tuple[float, float] | None:
    """The ends of the interval of a metric of which more is better."""
    if name not in metrics.get("intervals", {}):
        return None
    low, high = sorted(sign * end for end in metrics["intervals"][name])
    return low, high


def _cell(metrics: Mapping[str, Any], name: str) -> str:
    if name not in metrics:
        return _MISSING
    metric = metric_of(name)
    text = metric.cell(metrics[name])
    if name not in metrics.get("intervals", {}):
        return text
    low, high = map(metric.cell, metrics["intervals"][name])
    return f"{text} ({low} to {high})"
