"""What a search found: one row a trial."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from keras_ptft import settings as fields
from keras_ptft.config import FIELDS
from keras_ptft.evaluation.metrics import metric_of, shown_metrics

COMPLETE, STOPPED, FAILED = "complete", "stopped", "failed"
"""States of a trial; one was stopped since others did better by then."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One training with settings of its own.

    Attributes:
        number: from 0, which is the recipe as it is.
        label: what it is, of those that every search begins with.
        settings: those that differ from the recipe's, or were drawn.
        state: "complete", "stopped" or "failed".
        metrics: of the validation split.
        seconds: that it took.
        error: why it failed.
    """

    number: int
    label: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    state: str = COMPLETE
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """All that a search came to.

    Attributes:
        name: of the search.
        recipe: the flagfile, or "" where there is none.
        machine: what it ran on.
        method: how values were chosen.
        search: each dimension as the user writes it.
        metric: of the validation split by which trials are judged.
        trials: by number.
        best: number of the best.
        test: metrics of the test split: of the "best", and of the "recipe"
            as it is.
        notes: sentences on what was not tried.
    """

    name: str
    recipe: str
    machine: str
    method: str
    search: Sequence[str]
    metric: str
    trials: Sequence[Trial]
    best: int
    test: Mapping[str, Mapping[str, float]]
    notes: Sequence[str] = ()

    def trial(self, number: int) -> Trial:
        """Returns a trial by its number."""
        return next(t for t in self.trials if t.number == number)


def headline(metrics: Mapping[str, float]) -> str:
    """Returns the metric by which trials are judged.

    It is the first of the table of runs that is better high or low.

    Example:

    >>> headline({"loss": 0.5, "accuracy": 0.9})
    'accuracy'
    """
    names = [n for n in shown_metrics(metrics) if metric_of(n).direction]
    return names[0]


def goodness(metric: str, value: float) -> float:
    """Returns a value of a metric such that more is better.

    Example:

    >>> goodness("accuracy", 0.5), goodness("loss", 0.5)
    (0.5, -0.5)
    """
    return -value if metric_of(metric).direction == "lower" else value


def best_of(trials: Sequence[Trial], metric: str) -> Trial:
    """Returns the best trial that is complete.

    Of several with the same value it is the one with the lower loss, unless
    losses of different objectives are to be compared; and then the first.

    Args:
        trials: one at least is complete.
        metric: by which they are judged.

    Example:

    >>> best_of([Trial(number=0, metrics={"accuracy": 0.5, "loss": 2.0}),
    ...          Trial(number=1, metrics={"accuracy": 0.5, "loss": 1.0})],
    ...         "accuracy").number
    1
    """
    comparable = not any("objective" in t.settings for t in trials)

    def key(trial: Trial) -> tuple[float, float, int]:
        loss = trial.metrics.get("loss", 0.0) if comparable else 0.0
        value = goodness(metric, trial.metrics[metric])
        return value, -loss, -trial.number

    return max((t for t in trials if t.state == COMPLETE), key=key)


def settings_text(settings: Mapping[str, Any]) -> str:
    """Returns settings as a line has them.

    Example:

    >>> settings_text({"learning_rate": 0.003, "freeze": "conv2"})
    'learning_rate=0.003 freeze=conv2'
    """
    return " ".join(
        f"{name}={fields.to_text(FIELDS[name], value)}"
        for name, value in settings.items()
    )
