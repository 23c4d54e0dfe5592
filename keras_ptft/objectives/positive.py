"""Which of two classes is what is looked for, and how well it is found."""

from typing import Any

import numpy as np
from scipy.special import expit

from keras_ptft.errors import UserError
from keras_ptft.evaluation.intervals import Interval, binary_intervals
from keras_ptft.evaluation.metrics.binary import (
    at_threshold,
    best_threshold,
    binary_metrics,
)
from keras_ptft.objectives.scored import Scored
from keras_ptft.registry import nearest


class Positive:
    """The positive class of two.

    Args:
        label_names: of the classes.
        name: of the positive one; empty: the second.

    Raises:
        UserError: a name that is none of two classes.
    """

    def __init__(self, label_names: tuple[str, ...], name: str = "") -> None:
        self._names = label_names
        self.exists = len(label_names) == 2
        if name and not (self.exists and name in label_names):
            raise UserError(
                "Setting 'positive' of objective 'classification' must name "
                f"one of two classes, got {name!r}{nearest(name, label_names)}"
                f" of {len(label_names)}: correct it or leave it out."
            )
        self._index = label_names.index(name) if name else 1

    def metrics(self, labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
        """Computes `binary_metrics`; of other than two classes, none."""
        if not self.exists:
            return {}
        name = self._names[self._index]
        return binary_metrics(*self._seen(labels, logits), name)

    def best_threshold(self, validation: Scored) -> float | None:
        """Chooses the threshold with the highest F1; None: not two classes."""
        if not self.exists:
            return None
        seen = self._seen(validation.labels, validation.answered)
        return best_threshold(*seen)

    def add_threshold(self, scored: Scored, threshold: float) -> None:
        """Adds to the metrics of a split what a threshold gives there.

        Args:
            scored: of two classes.
            threshold: that of `best_threshold`.
        """
        seen = self._seen(scored.labels, scored.answered)
        chosen = at_threshold(*seen, threshold)
        scored.metrics["positive"]["at_best_validation_f1"] = chosen

    def intervals(self, scored: Scored) -> dict[str, Interval]:
        """Computes `binary_intervals`; of other than two classes, none."""
        if not self.exists:
            return {}
        return binary_intervals(*self._seen(scored.labels, scored.answered))

    def _seen(
        self, labels: np.ndarray, logits: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whether each example is positive, and the probability that it is."""
        wide = logits.astype(np.float64)
        odds = wide[:, self._index] - wide[:, 1 - self._index]
        return labels == self._index, expit(odds)
