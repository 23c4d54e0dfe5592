"""What the statistics of requests say, quantity by quantity."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from keras_ptft.serving.monitoring.histograms import Histogram
from keras_ptft.serving.monitoring.stability import (
    MOVED,
    MOVED_A_LOT,
    chance_index,
    examples_needed,
    stability_index,
)
from keras_ptft.serving.monitoring.statistics import Reference

STABLE, UNDECIDED = "stable", "undecided"
MOVES = ("moved a lot", "moved")

_LEVEL = 0.95
# stable quantities that are named, of the columns of a table
_NAMED = 20


@dataclasses.dataclass(frozen=True)
class Shift:
    """How far one quantity has moved.

    Attributes:
        name: of the quantity.
        split: "train" or "test", whose examples it is compared with.
        expected: histogram of these.
        actual: histogram of the requests, with the same bins.
        level: probability with which the index of an unchanged quantity is
            below `chance`.
    """

    name: str
    split: str
    expected: Histogram
    actual: Histogram
    level: float

    @property
    def index(self) -> float:
        """The population stability index."""
        return stability_index(self.expected.counts, self.actual.counts)

    @property
    def chance(self) -> float:
        """What the index may be although nothing has changed."""
        counts = self.expected.counts, self.actual.counts
        return chance_index(*counts, self.level)

    @property
    def verdict(self) -> str:
        """One of `MOVES`, "undecided" or "stable"."""
        if self.index < MOVED:
            return STABLE
        if self.index < self.chance:
            return UNDECIDED
        return MOVES[0] if self.index > MOVED_A_LOT else MOVES[1]

    def __str__(self) -> str:
        told = f"{self.name} {self.verdict}: {self.index:.2f} "
        told += f"({self.change})"
        if self.verdict != UNDECIDED:
            return told
        counts = self.expected.counts, self.actual.counts
        needed = examples_needed(*counts, self.level)
        if needed is None:
            return f"{told}: {self.split} has too few examples to tell"
        return (
            f"{told}: {self.actual.counts.sum():,} examples are too few, about "
            f"{needed:,} would tell"
        )

    def as_dict(self) -> dict[str, Any]:
        """Returns the shift as JSON has it."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "psi": self.index,
            "by_chance": self.chance,
            "compared_with": self.split,
            **self.expected.bins.as_dict(),
            "expected": self.expected.counts.tolist(),
            "actual": self.actual.counts.tolist(),
            "expected_mean": self.expected.mean,
            "actual_mean": self.actual.mean,
        }

    @property
    def change(self) -> str:
        """The change in the mean, and of the bin that tells most."""
        before, after = (
            each.counts / each.counts.sum()
            for each in (self.expected, self.actual)
        )
        means = self.expected.mean, self.actual.mean
        parts = [f"{' → '.join(map(_shown, means))} in the mean"]
        if means == (None, None):
            parts = []
        parts.append(self.expected.bins.change(before, after))
        return ", ".join(filter(None, parts))


def judge(
    references: Mapping[str, Reference], found: Mapping[str, Histogram]
) -> list[Shift]:
    """Compares the quantities of requests with their references.

    That something is called moved although nothing has changed happens in
    5 % of the logs at most: the quantities share this probability
    (Bonferroni).

    Args:
        references: by the name of a quantity.
        found: of the requests, with the same bins.

    Returns:
        A shift for each quantity, the largest index first.
    """
    level = 1 - (1 - _LEVEL) / max(len(references), 1)
    shifts = [
        Shift(
            name,
            reference.split,
            reference.histogram,
            found[name],
            level,
        )
        for name, reference in references.items()
    ]
    return sorted(shifts, key=lambda shift: -shift.index)


def verdict_of(shifts: Sequence[Shift]) -> str:
    """Returns what the largest shift that is no chance says of all."""
    found = {shift.verdict for shift in shifts}
    return next((v for v in (*MOVES, UNDECIDED) if v in found), STABLE)


def sentences(shifts: Sequence[Shift], examples: int) -> list[str]:
    """Returns lines for the terminal.

    Args:
        shifts: the largest first.
        examples: how many were compared.

    Returns:
        A line for each quantity that is not stable, one for the others, and
        the verdict.
    """
    told = [str(shift) for shift in shifts if shift.verdict != STABLE]
    stable = [shift for shift in shifts if shift.verdict == STABLE]
    if stable:
        names = ", ".join(shift.name for shift in stable[:_NAMED])
        if len(stable) > _NAMED:
            names += f" and {len(stable) - _NAMED} more"
        told.append(f"stable, at most {stable[0].index:.2f}: {names}")
    return [*told, _conclusion(shifts, examples)]


def _conclusion(shifts: Sequence[Shift], examples: int) -> str:
    verdict = verdict_of(shifts)
    of = f"of {len(shifts)} quantities in {examples:,} examples"
    if verdict in MOVES:
        lot, some = (_names(shifts, move) for move in MOVES)
        parts = [f"{len(lot)} moved a lot"] if lot else []
        parts += [f"{len(some)} moved"] if some else []
        return (
            f"Moved: {', '.join(parts)} {of}: look at what is sent, and score "
            "the model on new labels."
        )
    if verdict == UNDECIDED:
        open_ = _names(shifts, UNDECIDED)
        return f"Undecided: {len(open_)} {of}: gather more requests."
    return f"Stable: nothing moved {of}."


def _names(shifts: Sequence[Shift], verdict: str) -> list[str]:
    return [shift.name for shift in shifts if shift.verdict == verdict]


def _shown(mean: float | None) -> str:
    return "none" if mean is None else f"{mean:.3g}"
