"""What a comparison measured: one value a seed of everything."""

import dataclasses
from collections.abc import Mapping, Sequence

SCRATCH, PROBE, TUNED, LINEAR = "scratch", "probe", "fine-tuned", "linear"
"""Names of the variants that every comparison may have."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scores:
    """One variant at one label budget.

    Attributes:
        variant: its name.
        budget: as it was asked for: "10" labels a class, or "50%".
        train_examples: training examples, the mean over seeds.
        seeds: those that were run.
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
    """

    name: str
    recipe: str
    metric: str
    machine: str
    scores: Sequence[Scores]
