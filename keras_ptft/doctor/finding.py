"""What a check finds, and what to do about it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

OK = "ok"
WARNING = "warning"
FAILED = "failed"


class Finding(NamedTuple):
    """One line of the page.

    Attributes:
        status: OK, WARNING or FAILED.
        text: what was found.
        remedy: what to do about it; empty: nothing.
        facts: the numbers and names in the text, for scripts.
    """

    status: str
    text: str
    remedy: str = ""
    facts: Mapping[str, Any] = {}


def ok(text: str, **facts: Any) -> Finding:
    """Returns what is as it should be.

    Example:

    >>> ok("3 cores", cores=3).facts
    {'cores': 3}
    """
    return Finding(OK, text, "", facts)


def warning(text: str, remedy: str, **facts: Any) -> Finding:
    """Returns what works, but slowly, in part or not for long."""
    return Finding(WARNING, text, remedy, facts)


def failed(text: str, remedy: str, **facts: Any) -> Finding:
    """Returns what does not work."""
    return Finding(FAILED, text, remedy, facts)
