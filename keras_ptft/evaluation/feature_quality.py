"""What features are worth before anything is trained on them."""

from typing import NamedTuple

import numpy as np

_NEIGHBORS = 20
# examples whose distances to the reference are computed at a time
_CHUNK = 1024


class Known(NamedTuple):
    """Training examples, which others are judged by.

    Attributes:
        rows: their features, of shape (examples, width).
        labels: integers from 0.
        indices: of the examples, in the training split.
    """

    rows: np.ndarray
    labels: np.ndarray
    indices: np.ndarray


def scores_of(
    features: np.ndarray, labels: np.ndarray, known: Known | None
) -> dict[str, float]:
    """Returns what is told of features, by metric.

    Args:
        features: of shape (examples, width).
        labels: theirs, integers from 0.
        known: training examples with labels; None: there are no labels.
    """
    scores = feature_scores(features)
    if known is not None:
        scores["knn_accuracy"] = knn_accuracy(
            features, labels, known.rows, known.labels
        )
    return scores


def knn_accuracy(
    features: np.ndarray,
    labels: np.ndarray,
    reference: np.ndarray,
    reference_labels: np.ndarray,
    neighbors: int = _NEIGHBORS,
) -> float:
    """Returns how often the nearest examples have an example's label.

    The label that most of the nearest by cosine have, each counted by
    exp(cosine / 0.07), as Wu et al. 2018 ("Unsupervised Feature Learning via
    Non-Parametric Instance Discrimination", section 3.4) do.

    Args:
        features: of the examples that are judged, (examples, width).
        labels: theirs, integers from 0.
        reference: features that are known, (others, width).
        reference_labels: theirs.
        neighbors: how many are looked at; all, where there are fewer.

    Example:

    >>> known = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> judged = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> knn_accuracy(judged, np.array([0, 0]), known, np.array([0, 1]))
    0.5
    """
    count = min(neighbors, len(reference))
    known = directions(reference)
    classes = int(max(labels.max(), reference_labels.max())) + 1
    right = 0
    for start in range(0, len(features), _CHUNK):
        rows = slice(start, start + _CHUNK)
        cosines = directions(features[rows]) @ known.T
        nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        weights = np.exp(np.take_along_axis(cosines, nearest, 1) / 0.07)
        votes = np.zeros((len(cosines), classes))
        places = np.arange(len(cosines))[:, None]
        np.add.at(votes, (places, reference_labels[nearest]), weights)
        right += int(np.sum(votes.argmax(axis=1) == labels[rows]))
    return right / len(features)


def nearest(
    features: np.ndarray, reference: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest of other examples by cosine, the nearest first.

    Args:
        features: of shape (examples, width).
        reference: of the others, (others, width).
        count: how many; all, where there are fewer.

    Returns:
        Their indices, and their cosines, both of shape (examples, count).

    Example:

    >>> known = np.array([[1.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    >>> nearest(np.array([[0.0, 2.0]]), known, 2)[0].tolist()
    [[1, 2]]
    """
    cosines = directions(features) @ directions(reference).T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(cosines, order, axis=1)


def feature_scores(features: np.ndarray) -> dict[str, float]:
    """Returns what is told of features without labels, by metric.

    Args:
        features: of shape (examples, width).
    """
    return {
        "feature_spread": spread(features),
        "effective_rank": effective_rank(features),
    }


def effective_rank(features: np.ndarray) -> float:
    """Returns in how many directions features really differ.

    The exponential of the entropy of the shares of their singular values
    (Roy and Vetterli 2007, "The Effective Rank"), of centred features: from
    1, where all lie on a line, to the width. 0: all are the same.

    Example:

    >>> round(effective_rank(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])), 6)
    2.0
    >>> effective_rank(np.ones((3, 2)))
    0.0
    """
    centered = features.astype(np.float64) - features.mean(axis=0)
    values = np.linalg.svd(centered, compute_uv=False)
    if values.sum() <= 1e-9 * max(1.0, np.abs(features).max()):
        return 0.0
    shares = values[values > 0] / values.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


def spread(features: np.ndarray) -> float:
    """Returns how far apart the directions of features are, from 0 to 1.

    Of vectors of length 1, the root of what remains of their mean square
    when the mean is taken away: 0 where all point the same way.

    Example:

    >>> spread(np.array([[1.0, 0.0], [-3.0, 0.0]]))
    1.0
    """
    rows = directions(features.astype(np.float64))
    # vectors of length 0 stay so: 1 would call them spread
    squares = np.mean(np.sum(rows**2, axis=1))
    left = squares - np.sum(rows.mean(axis=0) ** 2)
    return float(np.sqrt(max(0.0, left)))


def directions(rows: np.ndarray) -> np.ndarray:
    """Returns vectors of length 1; those of length 0 stay so.

    Args:
        rows: of shape (examples, width).
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, 1e-12)
