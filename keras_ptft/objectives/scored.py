"""How a classifier is scored on a split."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.evaluation.intervals import (
    Interval,
    class_intervals,
    mean_intervals,
)


class Chosen(NamedTuple):
    """What is chosen on the validation split.

    Attributes:
        temperature: see `best_temperature`; None: there is none, or it is
            applied already.
        threshold: of the probability of the positive class.
    """

    temperature: float | None = None
    threshold: float | None = None

    @classmethod
    def of(cls, metrics: Mapping[str, Any]) -> "Chosen":
        """Reads it from metrics, which may be those of an old version."""
        positive = metrics.get("positive", {}).get("at_best_validation_f1", {})
        return cls(
            metrics.get("calibration", {}).get("temperature"),
            positive.get("threshold"),
        )


class Scored(NamedTuple):
    """Metrics of a split, and what all of them are computed from.

    Attributes:
        metrics: as `result.json` has them.
        labels: the true classes, int64 of shape (examples,).
        logits: float32 of shape (examples, classes).
        losses: of each example, float32 of shape (examples,).
        temperature: what logits are divided by before they become
            probabilities.
    """

    metrics: dict[str, Any]
    labels: np.ndarray
    logits: np.ndarray
    losses: np.ndarray
    temperature: float = 1.0

    @property
    def answered(self) -> np.ndarray:
        """The logits of the probabilities that are answered."""
        return tempered(self.logits, self.temperature)

    def intervals(self) -> dict[str, Interval]:
        """Computes 95 % intervals of accuracy, macro F1 and loss."""
        return {
            **class_intervals(self.labels, self.logits.argmax(axis=1)),
            **mean_intervals({"loss": self.losses}),
        }


def tempered(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Returns logits divided by a temperature; by 1 the same array."""
    return logits if temperature == 1 else logits / np.float32(temperature)
