"""Labels that may be wrong, by confident learning.

Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating
Uncertainty in Dataset Labels". It is ours because their library, cleanlab,
would be a dependency for these few lines; results are those of its filter
"confident_learning", most suspicious first by its "normalized_margin".
"""

from typing import NamedTuple

import numpy as np

# probabilities that reach a threshold but for rounding reach it
_ROUNDING = 1e-6


class LabelIssues(NamedTuple):
    """Labels that may be wrong.

    Attributes:
        indices: of the examples, the most suspicious first, int64.
        margins: of every example, from -1 to 1: the probability of its label
            less that of the likeliest other class.
        share: estimated fraction of all labels that are wrong.
    """

    indices: np.ndarray
    margins: np.ndarray
    share: float


def find_label_issues(
    labels: np.ndarray, probabilities: np.ndarray
) -> LabelIssues:
    """Finds examples that are confidently of another class than their label.

    An example counts for a class where its probability is at least the mean
    that examples of this label have; of several, for the likeliest. How many
    examples of each label count for each class estimates how many labels are
    wrong.

    Args:
        labels: int of shape (examples,).
        probabilities: of each class, float of shape (examples, classes), by
            models that were not trained on the example.

    Example:

    >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]])
    >>> found = find_label_issues(np.array([0, 1, 1, 1]), sure)
    >>> found.indices.tolist(), found.margins.round(1).tolist()
    ([], [0.8, -0.6, 0.8, 0.6])
    """
    count, classes = probabilities.shape
    every = np.arange(count)
    own = probabilities[every, labels]
    others = probabilities.copy()
    others[every, labels] = -np.inf
    margins = own - others.max(axis=1)
    support = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    # none counts for a class that is nobody's label
    thresholds = np.full(classes, np.inf)
    np.divide(sums, support, out=thresholds, where=support > 0)
    confident = probabilities >= thresholds - _ROUNDING
    counted = confident.any(axis=1)
    believed = np.where(confident, probabilities, -np.inf).argmax(axis=1)
    wrong = counted & (believed != labels)
    wrong &= probabilities.argmax(axis=1) != labels
    indices = np.flatnonzero(wrong)
    order = np.lexsort((own[indices], margins[indices]))
    joint = np.zeros((classes, classes), np.int64)
    np.add.at(joint, (labels[counted], believed[counted]), 1)
    return LabelIssues(indices[order], margins, _share(joint, support))


def _share(joint: np.ndarray, support: np.ndarray) -> float:
    """The part off the diagonal, where each row counts as its label does."""
    rows = joint.sum(axis=1)
    right = np.where(rows > 0, np.diag(joint) / np.maximum(rows, 1), 1.0)
    return float(1 - support @ right / support.sum())
