"""How much metrics of a test split would differ with other examples."""

from collections.abc import Iterator, Mapping

import numpy as np
from scipy import sparse

_RESAMPLES = 1000
_SEED = 0
_ENDS = (2.5, 97.5)
# bounds the memory of resamples, and their time
_AT_ONCE = 200_000
_MOST_OF_MEANS = 100_000
_MOST_OF_CURVES = 20_000
_MOST_PAIRS = 10_000

Interval = list[float]
"""The ends of a 95 % interval."""


def class_intervals(
    labels: np.ndarray, predicted: np.ndarray
) -> dict[str, Interval]:
    """Computes the intervals of `accuracy` and `f1_macro`.

    They are percentiles of 1,000 resamples of the examples (the bootstrap of
    Efron 1979), always the same ones. A resample is drawn as the counts of a
    confusion matrix, so that many examples take no longer. As in
    `class_metrics`, an average is over the classes that have examples in it.
    Of more than 10,000 different pairs of a true and a predicted class there
    are no intervals: they would take seconds. Where all are right, or all
    wrong, so is every resample, which tells nothing: accuracy has the
    interval of Wilson 1927 then, and macro F1 none.

    Args:
        labels: true classes, int of shape (examples,).
        predicted: predicted classes, likewise.

    Example:

    >>> found = class_intervals(np.array([0, 1]), np.array([0, 1]))
    >>> [round(end, 4) for end in found["accuracy"]]
    [0.3424, 1.0]
    """
    pairs, counts = np.unique(
        np.stack([labels, predicted], axis=1), axis=0, return_counts=True
    )
    if len(pairs) > _MOST_PAIRS:
        return {}
    true, chosen = pairs.T
    examples = len(labels)
    if len(set(true == chosen)) == 1:
        return {"accuracy": _wilson(counts[true == chosen].sum(), examples)}
    found = np.random.default_rng(_SEED).multinomial(
        examples, counts / examples, _RESAMPLES
    )
    right = np.where(true == chosen, found, 0)
    # each class, true or predicted, is a row of all three
    classes = 1 + max(labels.max(), predicted.max())
    hits, support, said = (
        _summed(counts, of, classes)
        for counts, of in ((right, true), (found, true), (found, chosen))
    )
    f1 = 2 * hits / np.maximum(support + said, 1)
    f1 = f1.sum(axis=1, where=support > 0) / (support > 0).sum(axis=1)
    return {
        "accuracy": _interval(right.sum(axis=1) / examples),
        "f1_macro": _interval(f1),
    }


def mean_intervals(
    values: Mapping[str, np.ndarray],
) -> dict[str, Interval]:
    """Computes the intervals of metrics that are means over the examples.

    Of more than 100,000 examples there are none: it would take seconds.

    Args:
        values: name of a metric to that of each example, float of shape
            (examples,).

    Example:

    >>> mean_intervals({"loss": np.array([0.5, 0.5])})
    {'loss': [0.5, 0.5]}
    """
    examples = max(map(len, values.values()), default=0)
    if not examples or examples > _MOST_OF_MEANS:
        return {}
    # the metrics are columns
    wide = np.stack([*values.values()], axis=1).astype(np.float64)
    means = [
        counts @ wide / examples
        for counts in _resamples(np.arange(examples), examples)
    ]
    columns = np.concatenate(means).T
    return dict(zip(values, map(_interval, columns), strict=True))


def binary_intervals(
    true: np.ndarray, probabilities: np.ndarray
) -> dict[str, Interval]:
    """Computes the intervals of `roc_auc` and `average_precision`.

    A resample that lacks one of the classes counts for nothing. Of more than
    20,000 examples there are no intervals: they would take seconds.

    Args:
        true: whether each example is of the positive class, (examples,).
        probabilities: of the positive class, likewise.

    Returns:
        Of examples of a single class nothing, nor where the curves separate
        the classes and every resample has the same area.
    """
    if len(true) > _MOST_OF_CURVES or true.all() or not true.any():
        return {}
    # equal probabilities are one step of the curves, the highest is first
    _, steps = np.unique(-probabilities, return_inverse=True)
    resamples = _resamples(2 * steps + true, 2 * (steps.max() + 1))
    curves = [_areas(found[:, 1::2], found[:, ::2]) for found in resamples]
    roc_auc, average_precision = np.concatenate(curves, axis=1)
    if np.ptp(roc_auc) == 0:
        return {}
    return {
        "roc_auc": _interval(roc_auc),
        "average_precision": _interval(average_precision),
    }


def _areas(hits: np.ndarray, others: np.ndarray) -> np.ndarray:
    """ROC AUC and average precision of resamples, (2, resamples).

    Args:
        hits: positive examples by step, the most probable first, of shape
            (resamples, steps).
        others: likewise of the other class.
    """
    there = (hits.sum(axis=1) > 0) & (others.sum(axis=1) > 0)
    hits, others = hits[there], others[there]
    positive = hits.sum(axis=1)
    right = np.cumsum(hits, axis=1)
    wrong = np.cumsum(others, axis=1)
    # an example of the other class lies below those found before it
    below = (others * (right - hits / 2)).sum(axis=1)
    precision = right / np.maximum(right + wrong, 1)
    average = (hits * precision).sum(axis=1) / positive
    return np.stack([below / (positive * others.sum(axis=1)), average])


def _resamples(cells: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """Yields how many examples of each cell are in some of the resamples.

    Args:
        cells: the cell of each example, int of shape (examples,).
        width: how many cells there are.

    Yields:
        int64 of shape (some, width).
    """
    numbers = np.random.default_rng(_SEED)
    examples = len(cells)
    at_once = max(_AT_ONCE // examples, 1)
    for start in range(0, _RESAMPLES, at_once):
        rows = min(at_once, _RESAMPLES - start)
        drawn = numbers.integers(examples, size=(rows, examples))
        places = cells[drawn]
        places += np.arange(rows)[:, None] * width
        counts = np.bincount(places.ravel(), minlength=rows * width)
        yield counts.reshape(rows, width)


def _summed(counts: np.ndarray, of: np.ndarray, classes: int) -> np.ndarray:
    """Sums the columns of a class, (resamples, pairs) → (.., classes)."""
    columns = np.arange(len(of))
    shape = classes, len(of)
    belongs = sparse.csr_array((np.ones(len(of)), (of, columns)), shape)
    return (belongs @ counts.T).T


def _wilson(right: int, examples: int) -> Interval:
    # half a second to import, and few runs are without a mistake
    from scipy.stats import binomtest

    found = binomtest(int(right), examples).proportion_ci(method="wilson")
    return [float(found.low), float(found.high)]


def _interval(values: np.ndarray) -> Interval:
    low, high = np.percentile(values, _ENDS)
    return [float(low), float(high)]
