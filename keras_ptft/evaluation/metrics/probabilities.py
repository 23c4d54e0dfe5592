"""Metrics of the probabilities that a classifier gives its classes."""

from collections.abc import Iterator

import numpy as np
from scipy.special import logsumexp, softmax

_TOP = 5
# bounds the memory of many classes
_ROWS = 1024


def probability_parts(
    logits: np.ndarray,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields some rows at a time, and the probabilities of their classes.

    Args:
        logits: of shape (examples, classes).

    Yields:
        Which rows, and float64 of shape (rows, classes).
    """
    for start in range(0, len(logits), _ROWS):
        rows = slice(start, start + _ROWS)
        yield rows, softmax(logits[rows].astype(np.float64), axis=1)


def top_5_accuracy(labels: np.ndarray, logits: np.ndarray) -> float | None:
    """Computes the fraction whose label has one of the 5 largest logits.

    Args:
        labels: int of shape (examples,).
        logits: float of shape (examples, classes).

    Returns:
        None for 5 classes or fewer, where it would always be 1.

    Example:

    >>> logits = np.array([[6, 5, 4, 3, 2, 1], [6, 5, 4, 3, 2, 1]])
    >>> top_5_accuracy(np.array([4, 5]), logits)
    0.5
    """
    classes = np.arange(logits.shape[1])
    if len(classes) <= _TOP:
        return None
    # METRICS is read where this would take a second to import
    from sklearn.metrics import top_k_accuracy_score

    return float(top_k_accuracy_score(labels, logits, k=_TOP, labels=classes))


def roc_auc_macro(labels: np.ndarray, logits: np.ndarray) -> float | None:
    """Computes the mean, over classes, of the ROC AUC against all others.

    A class that no example has, or that all have, is left out.

    Args:
        labels: int of shape (examples,).
        logits: float of shape (examples, classes).

    Returns:
        None for two classes, whose ROC AUC is `roc_auc`, and where no class
        is left.

    Example:

    >>> roc_auc_macro(np.array([0, 1, 1]), np.eye(3))  # 1 and 3/4
    0.875
    """
    if logits.shape[1] == 2:
        return None
    # METRICS is read where this would take a second to import
    from sklearn.metrics import roc_auc_score

    scale = np.concatenate(
        [
            logsumexp(logits[start : start + _ROWS].astype(np.float64), axis=1)
            for start in range(0, len(logits), _ROWS)
        ]
    )
    counts = np.bincount(labels, minlength=logits.shape[1])
    found = []
    for index in np.flatnonzero((counts > 0) & (counts < len(labels))):
        shares = np.exp(logits[:, index].astype(np.float64) - scale)
        found.append(roc_auc_score(labels == index, shares))
    return float(np.mean(found)) if found else None


def brier_score(labels: np.ndarray, logits: np.ndarray) -> float:
    """Computes the mean squared error of the probabilities, from 0 to 2.

    The squares are summed over the classes (Brier 1950, "Verification of
    Forecasts Expressed in Terms of Probability"), also of two.

    Args:
        labels: int of shape (examples,).
        logits: float of shape (examples, classes).

    Example:

    >>> # (1/4)² + (1/4)²
    >>> round(brier_score(np.array([0]), np.log([[3.0, 1.0]])), 6)
    0.125
    """
    total = 0.0
    for rows, errors in probability_parts(logits):
        errors[np.arange(len(errors)), labels[rows]] -= 1
        total += np.square(errors).sum()
    return float(total / len(labels))
