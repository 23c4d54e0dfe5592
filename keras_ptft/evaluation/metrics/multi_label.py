"""Metrics of sets of labels, and the thresholds from which labels are given."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics

DEFAULT = 0.5
"""The threshold of a label that no other was chosen for."""


def set_metrics(
    true: np.ndarray,
    probabilities: np.ndarray,
    thresholds: np.ndarray,
    label_names: Sequence[str],
) -> dict[str, Any]:
    """Computes how well sets of labels are found, and each label.

    Micro averages are over all pairs of an example and a label, macro
    averages over the labels that have examples. What is not defined, such
    as the precision of a label that is never given, is 0.

    Args:
        true: 0 or 1, of shape (examples, labels).
        probabilities: from 0 to 1, likewise.
        thresholds: of shape (labels,).
        label_names: of shape (labels,).

    Returns:
        `f1_micro`, `precision_micro` and `recall_micro`; the same with
        `macro`; `roc_auc` (mean over the labels that some examples have and
        some have not, if there are such); `mean_average_precision` (over
        the labels that have examples); `exact_match` (fraction of the
        examples whose labels are all right); and `per_class` ({name:
        {`precision`, `recall`, `f1`, `support`, `average_precision`,
        `threshold`}}).
    """
    true = true.astype(bool)
    given = probabilities >= thresholds
    per_class = _per_class(true, probabilities, thresholds, label_names)
    there = [row for row in per_class.values() if row["support"]]
    precision, recall, f1, average_precision = (
        float(np.mean([row[name] for row in there])) if there else 0.0
        for name in ("precision", "recall", "f1", "average_precision")
    )
    return {
        **_averages("micro", *rates(true, given)),
        **_averages("macro", precision, recall, f1),
        **_roc_auc(true, probabilities),
        "mean_average_precision": average_precision,
        "exact_match": float((true == given).all(axis=1).mean()),
        "per_class": per_class,
    }


def rates(true: np.ndarray, given: np.ndarray) -> tuple[float, float, float]:
    """Computes precision, recall and F1; what is not defined is 0.

    Args:
        true: whether a label is there, bool of any shape.
        given: whether a model gives it, likewise.

    Example:

    >>> rates(np.array([True, True]), np.array([True, False]))
    (1.0, 0.5, 0.6666666666666666)
    """
    right, said, there = (int(x.sum()) for x in (true & given, given, true))
    return (
        right / said if said else 0.0,
        right / there if there else 0.0,
        2 * right / (said + there) if said + there else 0.0,
    )


def best_thresholds(true: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Chooses, for each label, the threshold with the highest F1.

    It lies halfway between two neighbouring probabilities; of several that
    are as good, it is the one that is the nearest to 0.5.

    Args:
        true: 0 or 1, of shape (examples, labels), of the validation split.
        probabilities: from 0 to 1, likewise.

    Returns:
        float32 of shape (labels,); 0.5 for a label without examples.

    Example:

    >>> true = np.array([[1], [1], [0], [0]])
    >>> best_thresholds(true, np.array([[0.9], [0.3], [0.2], [0.1]])).round(2)
    array([0.25], dtype=float32)
    """
    columns = zip(true.T, probabilities.T, strict=True)
    return np.array([_best(*column) for column in columns], np.float32)


def _best(true: np.ndarray, probabilities: np.ndarray) -> float:
    if not true.any():
        return DEFAULT
    order = np.argsort(-probabilities, kind="stable")
    sorted_down = probabilities[order].astype(np.float64)
    following = np.append(sorted_down[1:], 0.0)
    given = np.arange(1, len(true) + 1)
    f1 = 2 * np.cumsum(true[order]) / (given + true.sum())
    # equal probabilities are given together or not at all
    f1[sorted_down == following] = -1.0
    middles = (sorted_down + following) / 2
    best = np.flatnonzero(f1 == f1.max())
    return float(middles[best][np.argmin(np.abs(middles[best] - DEFAULT))])


def _per_class(
    true: np.ndarray,
    probabilities: np.ndarray,
    thresholds: np.ndarray,
    label_names: Sequence[str],
) -> dict[str, dict[str, float]]:
    found = {}
    columns = zip(true.T, probabilities.T, thresholds.tolist(), strict=True)
    for name, (there, shares, threshold) in zip(
        label_names, columns, strict=True
    ):
        precision, recall, f1 = rates(there, shares >= threshold)
        average = 0.0
        if there.any():
            average = float(metrics.average_precision_score(there, shares))
        found[name] = {
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "support": int(there.sum()),
            "average_precision": average,
            "threshold": threshold,
        }
    return found


def _roc_auc(true: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """The mean over the labels that some examples have and some have not."""
    told = [
        metrics.roc_auc_score(*column)
        for column in zip(true.T, probabilities.T, strict=True)
        if column[0].any() and not column[0].all()
    ]
    return {"roc_auc": float(np.mean(told))} if told else {}


def _averages(
    kind: str, precision: float, recall: float, f1: float
) -> dict[str, float]:
    return {
        f"precision_{kind}": precision,
        f"recall_{kind}": recall,
        f"f1_{kind}": f1,
    }
