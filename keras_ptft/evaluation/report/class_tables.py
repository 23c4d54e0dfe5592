"""The tables of classes in a report."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

MOST_SHOWN = 20
"""Classes in the picture of the confusion matrix."""

_MOST_CONFUSIONS = 10
_WEAKEST = 10


class ClassRow(NamedTuple):
    """A class and its scores, from 0 to 1, and its number of examples.

    Attributes:
        number: its index among the classes; empty for an average.
        threshold: the probability from which a label of a set is given.
        average_precision: of a label of a set.
    """

    number: str
    name: str
    precision: float
    recall: float
    f1: float
    support: int
    threshold: float | None = None
    average_precision: float | None = None


def class_rows(per_class: Mapping[str, Mapping[str, float]]) -> list[ClassRow]:
    """Returns the classes in their order.

    Args:
        per_class: name to `precision`, `recall`, `f1` and `support`, and of
            sets `threshold` and `average_precision`.
    """
    return [
        ClassRow(
            str(number),
            name,
            precision=scores["precision"],
            recall=scores["recall"],
            f1=scores["f1"],
            support=int(scores["support"]),
            threshold=scores.get("threshold"),
            average_precision=scores.get("average_precision"),
        )
        for number, (name, scores) in enumerate(per_class.items())
    ]


def worst_classes(rows: Sequence[ClassRow]) -> list[ClassRow]:
    """Returns the 10 classes with the lowest F1, the lowest first.

    Of 30 classes or fewer, a reader sees all at once: then none.
    """
    if len(rows) <= 3 * _WEAKEST:
        return []
    return sorted(rows, key=lambda row: row.f1)[:_WEAKEST]


def average(metrics: Mapping[str, Any], rows: Sequence[ClassRow]) -> ClassRow:
    """Returns the averages over all classes, or over all entities.

    Args:
        metrics: of one split.
        rows: its classes.
    """
    title, form = "macro average", "{}_macro"
    if "entity_f1" in metrics:
        title, form = "all entities", "entity_{}"
    return ClassRow(
        "",
        title,
        precision=metrics[form.format("precision")],
        recall=metrics[form.format("recall")],
        f1=metrics[form.format("f1")],
        support=sum(row.support for row in rows),
        average_precision=metrics.get("mean_average_precision"),
    )


def most_confused(
    confusions: Sequence[Sequence[int]], rows: Sequence[ClassRow]
) -> list[tuple[str, str, int, float]]:
    """Returns the most frequent confusions with their class names.

    Args:
        confusions: (true class, predicted class, count), the most frequent
            first.
        rows: the classes.

    Returns:
        At most 10 of (true name, predicted name, count, fraction of the
        true class).
    """
    return [
        (
            rows[true].name,
            rows[predicted].name,
            count,
            count / rows[true].support,
        )
        for true, predicted, count in confusions[:_MOST_CONFUSIONS]
    ]


def confusion_matrix(
    confusions: Sequence[Sequence[int]], rows: Sequence[ClassRow]
) -> tuple[np.ndarray, list[str]]:
    """Returns the confusion matrix of few classes, or of the most confused.

    Args:
        confusions: (true class, predicted class, count), maybe the most
            frequent ones alone.
        rows: the classes.

    Returns:
        Counts of shape (n, n), rows true and columns predicted, and the
        numbers of the n classes, 20 at most: those that were mistaken most.

    Example:

    >>> rows = class_rows({"a": dict(precision=1, recall=1.0, f1=1, support=4)})
    >>> confusion_matrix([], rows)[0].tolist()
    [[4]]
    """
    mistakes = np.zeros(len(rows), np.int64)
    for true, predicted, count in confusions:
        mistakes[[true, predicted]] += count
    chosen = np.arange(len(rows))
    if len(rows) > MOST_SHOWN:
        order = np.argsort(-mistakes, kind="stable")
        chosen = np.sort(order[:MOST_SHOWN])
    index = {number: cell for cell, number in enumerate(chosen.tolist())}
    counts = np.zeros((len(chosen), len(chosen)), np.int64)
    for true, predicted, count in confusions:
        if true in index and predicted in index:
            counts[index[true], index[predicted]] = count
    for number, cell in index.items():
        # the list of confusions may be cut off, recall is not
        counts[cell, cell] = round(rows[number].recall * rows[number].support)
    return counts, [rows[number].number for number in chosen.tolist()]
