"""Every metric of a classifier, from its predictions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from keras_ptft.errors import UserError


def classification_metrics(
    labels: np.ndarray, logits: np.ndarray, label_names: Sequence[str]
) -> dict[str, Any]:
    """Every number that is told of a classifier, ready for JSON.

    Macro averages go over all of `label_names`. What is not defined, as the
    recall of a class without examples, counts as 0.

    Args:
        labels: true class of each example, of shape (examples,).
        logits: of shape (examples, classes).
        label_names: of shape (classes,).

    Returns:
        `examples`, `accuracy`, `loss` (mean cross-entropy in nats),
        `precision_macro`, `recall_macro`, `f1_macro`, `per_class`
        ({name: {`precision`, `recall`, `f1`, `support`}}) and
        `confusion_matrix` (rows true, columns predicted).

    Raises:
        UserError: there are no examples.

    Example:

    >>> found = classification_metrics([0, 1], [[2, 0], [1, 0]], ["a", "b"])
    >>> found["accuracy"], found["confusion_matrix"]
    (0.5, [[1, 0], [1, 0]])
    """
    labels, logits = np.asarray(labels), np.asarray(logits, np.float64)
    if not len(labels):
        raise UserError(
            "Expected at least 1 example to evaluate on, got 0: check the "
            "test split and --classes."
        )
    predicted = logits.argmax(axis=1)
    return {
        "examples": len(labels),
        "accuracy": float(np.mean(predicted == labels)),
        "loss": _cross_entropy(labels, logits),
        **class_metrics(labels, predicted, label_names),
    }


def class_metrics(
    labels: np.ndarray, predicted: np.ndarray, label_names: Sequence[str]
) -> dict[str, Any]:
    """What is told of each class, and of all in the mean.

    Args:
        labels: true class of each of some things, of shape (things,).
        predicted: the class that each was taken for, likewise.
        label_names: of shape (classes,).

    Returns:
        `classification_metrics` without what needs logits.
    """
    classes = range(len(label_names))
    table = metrics.precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0
    )
    precision, recall, f1, _ = (float(column.mean()) for column in table)
    confusion = metrics.confusion_matrix(labels, predicted, labels=classes)
    return {
        "precision_macro": precision,
        "recall_macro": recall,
        "f1_macro": f1,
        "per_class": _per_class(label_names, table),
        "confusion_matrix": confusion.tolist(),
    }


def _cross_entropy(labels: np.ndarray, logits: np.ndarray) -> float:
    # the largest logit taken off first, no exponential overflows
    shifted = logits - logits.max(axis=1, keepdims=True)
    normalizer = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(normalizer - shifted[np.arange(len(labels)), labels]))


def _per_class(label_names: Sequence[str], table: tuple) -> dict[str, dict]:
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
