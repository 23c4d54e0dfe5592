"""One contestant's turn, in a process of its own.

    python -m benchmarks.contestant ROW CONTESTANT FOLDER SEED

prints the outcome as JSON on its last line.
"""

import dataclasses
import importlib
import json
import pathlib
import sys

from benchmarks import material
from benchmarks.rows import CONTESTANTS, ROWS
from benchmarks.work import Outcome, Work


def turn(row: str, contestant: str, work: Work) -> Outcome:
    """Lets a contestant do a row's work."""
    module, options = CONTESTANTS[contestant]
    contest = importlib.import_module(f"benchmarks.{module}")
    return getattr(contest, row)(work, **options)


def main() -> None:
    """Does what the command line says."""
    row, contestant, folder, seed = sys.argv[1:]
    work = material.read(ROWS[row], contestant, pathlib.Path(folder), int(seed))
    outcome = turn(row, contestant, work)
    print(json.dumps(dataclasses.asdict(outcome)))


if __name__ == "__main__":
    main()
