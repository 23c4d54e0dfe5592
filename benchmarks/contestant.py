"""One contestant's turn at a row of the table."""

import dataclasses
import importlib
import pathlib
from typing import Any

from benchmarks import material
from benchmarks.rows import CONTESTANTS, ROWS
from benchmarks.work import Outcome, Work


def turn(row: str, contestant: str, work: Work) -> Outcome:
    """Lets a contestant do a row's work."""
    module, options = CONTESTANTS[contestant]
    contest = importlib.import_module(f"benchmarks.{module}")
    return getattr(contest, row)(work, **options)


def play(row: str, contestant: str, folder: str, seed: int) -> dict[str, Any]:
    """A turn with the data in a folder; the outcome as a dict."""
    work = material.read(ROWS[row], contestant, pathlib.Path(folder), seed)
    return dataclasses.asdict(turn(row, contestant, work))
