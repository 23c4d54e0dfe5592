"""How long a search may take."""

import math
import re
import statistics
from collections.abc import Sequence

from keras_ptft.errors import UserError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_budget(text: str) -> float:
    """Returns a time in seconds; of an empty text there is no limit.

    Raises:
        UserError: it is no time above 0.

    Example:

    >>> parse_budget("90s"), parse_budget("1.5m"), parse_budget("2h")
    (90.0, 90.0, 7200.0)
    """
    if not text:
        return math.inf
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smh])", text)
    if not found or not float(found[1]):
        raise UserError(
            f"--budget must be a time, as 90s, 10m or 2h, got {text!r}."
        )
    return float(found[1]) * _UNITS[found[2]]


def has_room(spent: float, seconds: Sequence[float], budget: float) -> bool:
    """Returns whether another trial would end in time.

    Args:
        spent: seconds so far.
        seconds: of each trial that has ended, at least one.
        budget: seconds in all.

    Example:

    >>> has_room(50, [4, 5, 90], 55), has_room(51, [4, 5, 90], 55)
    (True, False)
    """
    return spent + statistics.median(seconds) <= budget
