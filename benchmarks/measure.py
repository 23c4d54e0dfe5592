"""Lets the contestants of a row take turns, and compares them."""

import dataclasses
import pathlib
import statistics

from benchmarks.children import call
from benchmarks.rows import LIMITS, Row
from benchmarks.work import Outcome

# how far the losses of contestants that learn alike may lie apart
_LOSS_TOLERANCE = 0.10


@dataclasses.dataclass(frozen=True)
class Result:
    """What a row showed.

    Attributes:
        seconds: median of each contestant, ours first.
        losses: of each contestant, median over the turns of the second
            epoch's mean loss; for images, of their mean pixel.
        learned_alike: whether all losses lie within the tolerance of their
            median; otherwise the row does not count.
    """

    seconds: dict[str, float]
    losses: dict[str, float]
    learned_alike: bool

    def ours(self, row: Row) -> str:
        """The faster of our variants."""
        return min(row.variants, key=self.seconds.__getitem__)

    def ratio(self, row: Row, rival: str) -> float:
        """Seconds of a rival over ours."""
        return self.seconds[rival] / self.seconds[self.ours(row)]


def measure(
    name: str,
    row: Row,
    contestants: list[str],
    *,
    repeats: int,
    folder: pathlib.Path,
) -> Result:
    """Every contestant in turn, as often as asked, each time from nothing.

    Args:
        name: of the row.
        row: the work.
        contestants: who competes.
        repeats: turns of each; the turn's number is the seed.
        folder: holds the data.

    Raises:
        RuntimeError: a contestant failed.
    """
    outcomes = {contestant: [] for contestant in contestants}
    for seed in range(repeats):
        for contestant in contestants:
            played = call(
                "contestant", "play", name, contestant, str(folder), seed
            )
            outcome = Outcome(**played)
            outcomes[contestant].append(outcome)
            taken = figure(outcome, row)
            print(f"  {name}: {contestant} {taken:.3f} s", flush=True)
    return compare(outcomes, row)


def compare(outcomes: dict[str, list[Outcome]], row: Row) -> Result:
    """The medians of each contestant's turns, and whether all learned alike."""
    seconds = {
        name: statistics.median(figure(turn, row) for turn in turns)
        for name, turns in outcomes.items()
    }
    losses = {
        name: statistics.median(turn.losses[1] for turn in turns)
        for name, turns in outcomes.items()
        if name not in LIMITS
    }
    middle = statistics.median(losses.values())
    apart = max(abs(loss - middle) for loss in losses.values())
    return Result(seconds, losses, apart <= _LOSS_TOLERANCE * middle)


def figure(outcome: Outcome, row: Row) -> float:
    """The seconds of a turn that count."""
    later = statistics.median(outcome.seconds[1:])
    if not row.whole:
        return later
    return outcome.total + later * (row.epochs - len(outcome.seconds))
