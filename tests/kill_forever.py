"""Kills trainings at random instants for as long as is asked.

    python -m tests.kill_forever --minutes=30 --seed=1

It ends with how many kills fell where, and with code 1 at the first
training that did not end in the bits of an undisturbed one; its folder then
stays.
"""

import argparse
import collections
import pathlib
import random
import sys
import tempfile
import time

from tests.alike import differences
from tests.kill import RECIPES, clear, killed, undisturbed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    args = parser.parse_args()
    until = time.monotonic() + 60 * args.minutes
    rng = random.Random(args.seed)
    falls = collections.Counter()
    place = pathlib.Path(tempfile.mkdtemp(prefix="kill-forever-"))
    while time.monotonic() < until:
        for name in args.recipes:
            falls += kill_once(name, place / name, rng)
            if found := differences(place / name / "0", place / name / "1"):
                print(f"{name} in {place / name} differs in: {found}")
                return 1
            told = ", ".join(f"{count} {fall}" for fall, count in falls.items())
            print(f"{falls.total()} kills survived: {told}", flush=True)
            clear(place / name / "1")
    clear(place)
    return 0


def kill_once(
    name: str, place: pathlib.Path, rng: random.Random
) -> collections.Counter:
    """Runs a recipe through kills at some of its aims, some of them twice."""
    recipe = RECIPES[name]
    if not (place / "0").exists():
        undisturbed(recipe, place / "0")
    aims = [aim for aim in recipe.aims for _ in range(2)]
    chosen = [aim for aim in aims if rng.random() < 0.5]
    return killed(recipe, place / "1", tuple(chosen), rng)


if __name__ == "__main__":
    sys.exit(main())
