"""What a comparison measured: one value a seed of everything."""

import dataclasses
from collections.abc import Mapping, Sequence

SCRATCH, PROBE, TUNED, LINEAR = "scratch", "probe", "fine-tuned", "linear"
"""Names of the variants that every comparison may have."""

TRAINED = "trained"
"""The recipe itself, where it trains from random weights."""

RECIPES = TUNED, TRAINED
"""Names of the recipe itself, of which a comparison has one."""

SEED, FOLD = "seed", "fold"
"""What the runs of a variant at one budget differ by."""


def counted(count: int, unit: str) -> str:
    """Returns a number of seeds or folds.

    Example:

    >>> counted(1, SEED), counted(5, FOLD)
    ('1 seed', '5 folds')
    """
    return f"{count:,} {unit}" + "s" * (count != 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scores:
    """One variant at one label budget.

    Attributes:
        variant: its name.
        budget: as it was asked for: "10" labels a class, or "50%".
        train_examples: training examples, the mean over seeds.
        seeds: those that were run, or the numbers of the folds.
        metrics: test metric to its values, one a seed.
        seconds: of each run.
        trained_parameters: numbers that training could change.
    """

    variant: str
    budget: str
    train_examples: float
    seeds: Sequence[int]
    metrics: Mapping[str, Sequence[float]]
    seconds: Sequence[float]
    trained_parameters: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that was measured.

    Attributes:
        name: of the comparison.
        recipe: the flagfile, or the settings that it was made from.
        metric: the headline metric, a name of METRICS.
        machine: what it was measured on.
        scores: by budget, small ones first, then by variant.
        folds: parts that the examples are divided into, each of which is the
            test split of one run in place of a seed; 0: none.
    """

    name: str
    recipe: str
    metric: str
    machine: str
    scores: Sequence[Scores]
    folds: int = 0

    @property
    def unit(self) -> str:
        """What the runs differ by: SEED or FOLD."""
        return FOLD if self.folds else SEED
