"""Which of two classes is what is looked for, and how well it is found."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics.binary import (
    at_threshold,
    best_threshold,
    binary_metrics,
)
from keras_ptft.registry import nearest


class Scored(NamedTuple):
    """Metrics of a split, its true classes, and the logits."""

    metrics: dict[str, Any]
    labels: np.ndarray
    logits: np.ndarray


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

    def choose_threshold(self, scored: Mapping[str, Scored]) -> None:
        """Adds to the metrics what the best threshold of "validation" gives.

        Args:
            scored: splits; without "validation" nothing is added.
        """
        if not self.exists or "validation" not in scored:
            return
        _, labels, logits = scored["validation"]
        threshold = best_threshold(*self._seen(labels, logits))
        for metrics, labels, logits in scored.values():
            chosen = at_threshold(*self._seen(labels, logits), threshold)
            metrics["positive"]["at_best_validation_f1"] = chosen

    def _seen(
        self, labels: np.ndarray, logits: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whether each example is positive, and the probability that it is."""
        wide = logits.astype(np.float64)
        odds = wide[:, self._index] - wide[:, 1 - self._index]
        return labels == self._index, expit(odds)
