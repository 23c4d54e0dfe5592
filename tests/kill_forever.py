"""Kills trainings at random changes of their files for some minutes.

    python -m tests.kill_forever --minutes=30 --seed=1

It ends with the number of kills, and with code 1 at the first training that
did not end in the bits of an undisturbed one; its folder then stays.
"""

import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time

from tests.alike import differences
from tests.crash import Aim
from tests.kill import RECIPES, killed, undisturbed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    args = parser.parse_args()
    until = time.monotonic() + 60 * args.minutes
    rng = random.Random(args.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kill-forever-"))
    changes: dict[str, int] = {}
    kills = 0
    while time.monotonic() < until:
        for name in args.recipes:
            expected, found = folder / name / "0", folder / name / "1"
            if name not in changes:
                changes[name] = undisturbed(RECIPES[name], expected)
            aims = random_aims(changes[name], rng)
            kills += len(killed(RECIPES[name], found, aims, expected))
            if unlike := differences(expected, found):
                print(f"{name} in {folder / name} differs in: {unlike}")
                return 1
            print(f"{kills} kills survived", flush=True)
            shutil.rmtree(found)
    shutil.rmtree(folder)
    return 0


def random_aims(changes: int, rng: random.Random) -> list[Aim]:
    """Some moments of a training that changes files so often."""
    return [
        Aim("*", count=rng.randint(1, changes), after=rng.random() < 0.5)
        for _ in range(rng.randint(1, 4))
    ]


if __name__ == "__main__":
    sys.exit(main())
