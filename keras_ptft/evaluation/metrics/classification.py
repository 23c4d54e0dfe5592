"""Metrics of single-label classes, from true and predicted labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

MOST_CONFUSIONS = 1000
"""Pairs of classes that are listed, so that many classes stay small."""

Confusion = list[int]
"""True class, predicted class, and how many examples."""


def accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    """Computes the fraction of examples whose largest logit is their label.

    Args:
        labels: int of shape (examples,).
        logits: float of shape (examples, classes).

    Example:

    >>> accuracy(np.array([0, 1]), np.array([[2, 0], [1, 0]]))
    0.5
    """
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def class_metrics(
    labels: np.ndarray, predicted: np.ndarray, label_names: Sequence[str]
) -> dict[str, Any]:
    """Computes precision, recall and F1 of each class and their means.

    Macro averages are over the classes that have examples, and weighted ones
    count each by its examples. Micro averages, of one class a thing, are all
    the accuracy and not repeated. What is not defined, such as the recall of
    a class without examples, is 0. The size of the result grows with the
    number of classes, not with its square.

    Args:
        labels: true classes, int of shape (things,).
        predicted: predicted classes, likewise.
        label_names: of shape (classes,).

    Returns:
        `precision_macro`, `recall_macro` and `f1_macro`; the same with
        `weighted`; `per_class` ({name: {`precision`, `recall`, `f1`,
        `support`}}) and `confusions`, see `confusions_of`.
    """
    # METRICS is read where this would take a second to import
    from sklearn import metrics

    classes = np.arange(len(label_names))
    table = metrics.precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    *scores, support = table
    return {
        **_averages("macro", scores, (support > 0).astype(int)),
        **_averages("weighted", scores, support),
        "per_class": _per_class(label_names, table),
        "confusions": confusions_of(labels, predicted)[:MOST_CONFUSIONS],
    }


def confusions_of(labels: np.ndarray, predicted: np.ndarray) -> list[Confusion]:
    """Counts the mistakes for each pair of a true and a predicted class.

    Args:
        labels: true classes, int of shape (things,).
        predicted: predicted classes, likewise.

    Returns:
        Pairs that were confused at least once, the most frequent first.

    Example:

    >>> confusions_of(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0]))
    [[0, 1, 2], [1, 0, 1]]
    """
    wrong = np.asarray(labels) != np.asarray(predicted)
    pairs = np.stack([labels, predicted], axis=1)[wrong]
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return np.column_stack([found, counts])[order].tolist()


def _averages(
    kind: str, scores: Sequence[np.ndarray], weights: np.ndarray
) -> dict[str, float]:
    names = ("precision", "recall", "f1")
    return {
        f"{name}_{kind}": float(np.average(part, weights=weights))
        for name, part in zip(names, scores, strict=True)
    }


def _per_class(
    label_names: Sequence[str], table: Sequence[np.ndarray]
) -> dict[str, dict[str, float]]:
    return {
        name: {
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "support": int(support),
        }
        for name, precision, recall, f1, support in zip(
            label_names, *table, strict=True
        )
    }
