"""What is required of the requests, such as `psi<=0.25`."""

import dataclasses
import math
import re
from collections.abc import Sequence

from keras_ptft.errors import UserError
from keras_ptft.registry import nearest
from keras_ptft.serving.monitoring.judgement import Shift

LARGEST = "psi"
"""Requires it of every quantity."""

_FORM = re.compile(r"\s*(\S.*?)\s*(<=|<)\s*([^\s<>=]+)\s*")


@dataclasses.dataclass(frozen=True)
class Requirement:
    """A limit of a population stability index.

    Attributes:
        name: of a quantity, or "psi" for the largest of all.
        sign: "<=" or "<".
        number: the limit.
    """

    name: str
    sign: str
    number: float

    def met_by(self, index: float) -> bool:
        """Returns whether an index is within the limit."""
        return index < self.number or (
            index == self.number and self.sign == "<="
        )


def parse_requirement(text: str) -> Requirement:
    """Reads one requirement.

    Args:
        text: `psi<=NUMBER` or `QUANTITY<=NUMBER`, also with <.

    Raises:
        UserError: the text has another form.

    Example:

    >>> parse_requirement("pixel mean<=0.25")
    Requirement(name='pixel mean', sign='<=', number=0.25)
    """
    form = _FORM.fullmatch(text)
    number = _number(form[3]) if form else math.nan
    if form is None or not math.isfinite(number):
        raise UserError(
            "A requirement must be psi<=NUMBER or QUANTITY<=NUMBER (or with "
            f"<), got {text!r}: write for example psi<=0.25."
        )
    return Requirement(form[1], form[2], number)


def unmet(
    requirements: Sequence[Requirement], shifts: Sequence[Shift]
) -> list[str]:
    """Checks what was required.

    An index that may be chance is no proof against it.

    Args:
        requirements: as `parse_requirement` reads them.
        shifts: of all quantities.

    Returns:
        A sentence for each quantity that is beyond a limit.

    Raises:
        UserError: a requirement names a quantity that there is not.
    """
    names = [shift.name for shift in shifts]
    failed = []
    for each in requirements:
        if each.name != LARGEST and each.name not in names:
            raise UserError(
                "A requirement must name psi or a quantity of the export, got "
                f"{each.name!r}{nearest(each.name, names)}: there are "
                f"{', '.join(names)}."
            )
        failed += [
            f"expected {each.name} {each.sign} {each.number:g}, found "
            f"{shift.index:.3g} ({shift.name})"
            for shift in shifts
            if each.name in (LARGEST, shift.name)
            and shift.index >= shift.chance
            and not each.met_by(shift.index)
        ]
    return failed


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
