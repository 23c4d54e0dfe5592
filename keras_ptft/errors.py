"""The one error that a user can mend."""

import math
from collections.abc import Sequence


class UserError(Exception):
    """Something the user can change: settings, files, permissions.

    The message is one line that says what was expected, what came instead
    and what to do. The command line prints it alone and exits with code 2.

    Example:

    >>> str(UserError("--epochs must be at least 1, got 0: raise it."))
    '--epochs must be at least 1, got 0: raise it.'
    """


def check_range(
    setting: str, value: float, low: float, high: float = math.inf
) -> None:
    """Raises a UserError unless `value` lies from `low` to `high`.

    Example:

    >>> check_range("dropout", 0.2, 0, 1)
    >>> check_range("filters", 0, 1)
    Traceback (most recent call last):
    keras_ptft.errors.UserError: Setting 'filters' must be at least 1, got 0.
    """
    if not low <= value <= high or math.isinf(value):
        limits = f"at least {low:g}"
        if not math.isinf(high):
            limits = f"from {low:g} to {high:g}"
        raise UserError(f"Setting {setting!r} must be {limits}, got {value}.")


def check_each(setting: str, values: Sequence[int], low: int) -> None:
    """Raises a UserError unless there are values, whole and at least `low`.

    Example:

    >>> check_each("filters", (), 1)
    Traceback (most recent call last):
    keras_ptft.errors.UserError: Setting 'filters' must name a layer, got ().
    """
    if not values:
        raise UserError(f"Setting {setting!r} must name a layer, got ().")
    for value in values:
        if type(value) is not int:
            raise UserError(
                f"Setting {setting!r} must be whole numbers, got {value!r}."
            )
        check_range(setting, value, low)
