"""Metrics of two classes, one of which is what is looked for."""

from typing import Any

import numpy as np
from sklearn import metrics

from keras_ptft.evaluation.metrics.multi_label import (
    DEFAULT,
    best_thresholds,
    rates,
)


def binary_metrics(
    true: np.ndarray, probabilities: np.ndarray, name: str
) -> dict[str, Any]:
    """Computes how well the positive class is told from the other.

    Args:
        true: whether each example is of the positive class, (examples,).
        probabilities: of the positive class, likewise.
        name: of the positive class.

    Returns:
        `roc_auc` and `average_precision`, where there are examples of both
        classes; and `positive`: the `class`, and what `at_threshold` returns
        for 0.5.

    Example:

    >>> true = np.array([True, True, False, False])
    >>> found = binary_metrics(true, np.array([0.9, 0.3, 0.4, 0.1]), "spam")
    >>> found["roc_auc"], found["positive"]["recall"]
    (0.75, 0.5)
    """
    found: dict[str, Any] = {}
    if true.any() and not true.all():
        found["roc_auc"] = float(metrics.roc_auc_score(true, probabilities))
        average = metrics.average_precision_score(true, probabilities)
        found["average_precision"] = float(average)
    at = at_threshold(true, probabilities, DEFAULT)
    return {**found, "positive": {"class": name, **at}}


def at_threshold(
    true: np.ndarray, probabilities: np.ndarray, threshold: float
) -> dict[str, float]:
    """Computes what a threshold of the probability gives.

    Args:
        true: whether each example is of the positive class, (examples,).
        probabilities: of the positive class, likewise.
        threshold: from which an example counts as positive.

    Returns:
        `threshold`, `precision`, `recall` and `f1`; what is not defined, as
        the precision where nothing counts as positive, is 0.
    """
    precision, recall, f1 = rates(true, probabilities >= threshold)
    return {
        "threshold": threshold,
        "precision": precision,
        "recall": recall,
        "f1": f1,
    }


def best_threshold(true: np.ndarray, probabilities: np.ndarray) -> float:
    """Chooses the threshold with the highest F1, as `best_thresholds`."""
    (found,) = best_thresholds(true[:, None], probabilities[:, None])
    return float(found)
