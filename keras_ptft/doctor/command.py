"""What `keras-ptft doctor` prints and writes.

The file that --json names holds `schema`, 1; `version` of the package;
`status`, the worst of all; and `findings`, a list of `check` (a row of
CHECKS), `status` ("ok", "warning" or "failed"), `text`, `remedy` (empty where
there is nothing to do) and `facts`, an object whose keys depend on the check.
Keys may be added within a schema; none is removed or renamed.
"""

import textwrap
from collections.abc import Callable, Iterable
from typing import Any

from keras_ptft import __version__, files
from keras_ptft.doctor.checks import examine
from keras_ptft.doctor.finding import FAILED, OK, WARNING, Finding
from keras_ptft.doctor.settings import DoctorConfig
from keras_ptft.streams import without_tensorflow_messages

SCHEMA = 1
_WIDTH = 80
_TEXT = 22


def _printed(line: str) -> None:
    # whoever waits sees what is looked at
    print(line, flush=True)


def doctor(
    config: DoctorConfig, tell: Callable[[str], None] = _printed
) -> bool:
    """Tells what is found of this machine, a line at a time.

    Args:
        config: what is looked at, and where it is written.
        tell: gets the lines.

    Returns:
        Whether nothing has failed.

    Raises:
        UserError: the file cannot be written.
    """
    if config.json:
        files.check_file(config.json, "json")
    found: list[tuple[str, Finding]] = []
    with without_tensorflow_messages():
        for name, finding in examine(config):
            again = bool(found) and found[-1][0] == name
            found.append((name, finding))
            tell(_line("" if again else name, finding))
    worst = worst_of(finding.status for _, finding in found)
    tell(f"\n{_summary(found)}")
    if config.json:
        files.write_json(config.json, _as_json(found, worst))
    return worst != FAILED


def worst_of(statuses: Iterable[str]) -> str:
    """Returns the worst of some statuses.

    Example:

    >>> worst_of(["ok", "failed", "warning"])
    'failed'
    """
    order = (OK, WARNING, FAILED)
    return max(statuses, key=order.index, default=OK)


def _line(name: str, finding: Finding) -> str:
    head = f"{finding.status:8} {name:12} "
    lines = [_filled(head, finding.text)]
    if finding.remedy:
        lines.append(_filled(f"{'':{_TEXT}}→ ", finding.remedy))
    return "\n".join(lines)


def _filled(head: str, text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _summary(found: list[tuple[str, Finding]]) -> str:
    statuses = [finding.status for _, finding in found]
    if failures := statuses.count(FAILED):
        return f"{failures} failed: see the arrows."
    if warnings := statuses.count(WARNING):
        return f"This machine works, with {warnings} warning(s)."
    return "This machine works."


def _as_json(found: list[tuple[str, Finding]], worst: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "version": __version__,
        "status": worst,
        "findings": [
            {"check": name, **finding._asdict()} for name, finding in found
        ],
    }
