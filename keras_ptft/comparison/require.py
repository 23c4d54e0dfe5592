"""Numbers that a comparison must reach, such as `accuracy>=0.99`."""

import dataclasses
import math
import operator
import re
from collections.abc import Callable, Sequence

from keras_ptft.comparison.result import RECIPES, SCRATCH, TUNED, counted
from keras_ptft.comparison.summary import Row, Summary
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import metric_of
from keras_ptft.registry import nearest

GAIN = "gain"
"""Requires a gain of fine-tuned over scratch, not a metric."""

_FORM = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*([^\s<>=]+)\s*")
_MEETS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclasses.dataclass(frozen=True)
class Requirement:
    """A number that a mean must reach.

    Attributes:
        name: of a metric, or "gain".
        sign: ">=", "<=", ">" or "<".
        number: accuracy and gain are fractions.
    """

    name: str
    sign: str
    number: float

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {self.number:g}"

    def met_by(self, value: float) -> bool:
        """Returns whether a value meets it; means are rounded, by 1e-9."""
        if math.isclose(value, self.number, rel_tol=1e-9, abs_tol=1e-12):
            return "=" in self.sign
        return _MEETS[self.sign](value, self.number)


def parse_requirement(text: str) -> Requirement:
    """Reads one requirement.

    Args:
        text: `METRIC>=NUMBER` or `gain>=NUMBER`, also with <=, > and <.

    Raises:
        UserError: the text has another form.

    Example:

    >>> parse_requirement("accuracy>=0.99")
    Requirement(name='accuracy', sign='>=', number=0.99)
    """
    form = _FORM.fullmatch(text)
    number = _number(form[3]) if form else None
    if form is None or number is None:
        raise UserError(
            f"A requirement must be METRIC>=NUMBER or gain>=NUMBER (or with "
            f"<=, >, <), got {text!r}: write for example accuracy>=0.99."
        )
    if metric_of(form[1]).percent:
        _check_fraction(text, number)
    return Requirement(form[1], form[2], number)


def check_requirements(
    requirements: Sequence[str], summary: Summary
) -> list[str]:
    """Checks what was required of the recipe at the largest budget.

    Args:
        requirements: as `parse_requirement` reads them.
        summary: of the comparison.

    Returns:
        A sentence for each that is not met: what was expected and found.

    Raises:
        UserError: a requirement has a wrong form, or names what the
            comparison does not have.
    """
    failed = []
    for text in requirements:
        requirement = parse_requirement(text)
        row = _tuned(text, summary)
        value, count = _found(text, requirement, row, summary)
        if not requirement.met_by(value):
            failed.append(
                f"expected {requirement}, found {value:.6g} ({row.variant}, "
                f"{row.train_examples:,.0f} training examples, mean of "
                f"{counted(count, summary.unit)})"
            )
    return failed


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _check_fraction(text: str, number: float) -> None:
    if abs(number) > 1:
        raise UserError(
            f"Requirement {text!r} must have a fraction, at most 1, got "
            f"{number:g}: write {number / 100:g} for {number:g} %."
        )


def _tuned(text: str, summary: Summary) -> Row:
    rows = [row for row in summary.rows if row.variant in RECIPES]
    if not rows:
        raise UserError(
            f"Requirement {text!r} needs the variant {TUNED!r}, got only "
            f"{', '.join(dict.fromkeys(r.variant for r in summary.rows))}: "
            f"add it to the comparison."
        )
    return max(rows, key=lambda row: row.train_examples)


def _found(
    text: str, requirement: Requirement, row: Row, summary: Summary
) -> tuple[float, int]:
    """The value that is required, and of how many seeds it is the mean."""
    if requirement.name == GAIN:
        return _gain(text, requirement, row, summary)
    if requirement.name not in row.metrics:
        raise UserError(
            f"Requirement {text!r} must name a metric of the comparison, got "
            f"{requirement.name!r}{nearest(requirement.name, row.metrics)}: "
            f"name one of {', '.join(row.metrics)}, or gain."
        )
    interval = row.metrics[requirement.name]
    return interval.mean, interval.count


def _gain(
    text: str, requirement: Requirement, row: Row, summary: Summary
) -> tuple[float, int]:
    if metric_of(summary.metric).percent:
        _check_fraction(text, requirement.number)
    difference = row.against[SCRATCH]
    if difference is None:
        raise UserError(
            f"Requirement {text!r} needs the variant {SCRATCH!r} over the "
            f"same {summary.unit}s, got none at budget {row.budget}: add it "
            "to the comparison."
        )
    return difference.gain, difference.count
