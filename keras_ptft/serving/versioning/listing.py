"""The versions of an export side by side (no TensorFlow)."""

import datetime
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_ptft.serving.versioning.contract import (
    CONTRACT,
    additions,
    breaks,
    told,
)
from keras_ptft.serving.versioning.labels import version_labels
from keras_ptft.serving.versioning.release import origin_of
from keras_ptft.serving.versioning.versions import FACTS, existing, facts_of

_COLUMNS = ("version", "run", "published", "labels", "for clients")


def version_table(export_dir: str | os.PathLike) -> str:
    """Returns a line for each version of an export, the oldest first.

    It tells the run it was made from, when, its labels, and what clients of
    the version before find changed.

    Args:
        export_dir: folder of versions.

    Raises:
        UserError: there is no version.
    """
    base = pathlib.Path(export_dir)
    found = existing(base)
    labels = version_labels(base)
    rows, before = [_COLUMNS], None
    for number, path in found.items():
        facts = facts_of(path)
        contract = facts.get(CONTRACT)
        rows.append(
            (
                str(number),
                _run_of(facts),
                _time_of(path),
                ", ".join(k for k, v in labels.items() if v == number),
                _changes(path, before, contract),
            )
        )
        before = contract
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows
    )


def _run_of(facts: Mapping[str, Any]) -> str:
    source = facts.get("source")
    return str(source.get("run", "")) if isinstance(source, dict) else ""


def _time_of(version: pathlib.Path) -> str:
    """When a version was published, in local time."""
    path = version / FACTS
    moment = os.path.getmtime(path if path.exists() else version)
    return f"{datetime.datetime.fromtimestamp(moment):%Y-%m-%d %H:%M}"


def _changes(version: pathlib.Path, before: Any, after: Any) -> str:
    clauses = []
    if (origin := origin_of(version)) != int(version.name):
        clauses.append(f"version {origin} again")
    if before and after:
        clauses += breaks(before, after)
        clauses += [f"{clause} is new" for clause in additions(before, after)]
    return told(clauses)
