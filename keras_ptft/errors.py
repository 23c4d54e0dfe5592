"""Errors that a user can correct, and interruption by a signal."""

import math
import re
from collections.abc import Sequence

# what ends a line or moves a terminal's cursor
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class UserError(ValueError):
    """Something the user can change: settings, files, permissions.

    The message is one line that says what was expected, what came instead
    and what to do. The command line prints it alone and exits with code 2.
    Line breaks and other control characters, which a file's name may hold,
    are written as escapes.

    Attributes:
        exit_code: of the command line, where it is not 2.

    Example:

    >>> str(UserError("--epochs must be at least 1, got 0: raise it."))
    '--epochs must be at least 1, got 0: raise it.'
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(_CONTROLS.sub(_escaped, message))

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: where it was raised helps no user."""
        return _alone(self)


class DiskError(UserError):
    """A file cannot be written or removed; existing files are kept."""


class TrainingInterrupted(KeyboardInterrupt):
    """A training was stopped by a signal; its checkpoint resumes it.

    Attributes:
        signum: number of the signal.
    """

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows, as it does of a UserError."""
        return _alone(self)


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, or else its type.

    Example:

    >>> lines = "no such file", "where it was asked for"
    >>> first_line(ValueError(chr(10).join(lines)))
    'no such file'
    >>> first_line(EOFError())
    'EOFError'
    """
    return str(error).strip().partition("\n")[0] or type(error).__name__


def on_one_line(error: BaseException) -> str:
    """Returns an error's message on one line, or else its type.

    Example:

    >>> on_one_line(ValueError(chr(10).join(["no such", "  file"])))
    'no such file'
    """
    return " ".join(str(error).split()) or type(error).__name__


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


def _alone(error: BaseException) -> list[str]:
    """The lines that IPython shows in place of a traceback."""
    return [f"keras_ptft: {error}"]


def _escaped(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]
