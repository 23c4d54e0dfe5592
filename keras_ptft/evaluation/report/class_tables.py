"""Rows of a report's tables on classes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

_MOST_CONFUSIONS = 10
_WEAKEST = 10


class ClassRow(NamedTuple):
    """A class and its scores, all from 0 to 1 but the count.

    Attributes:
        number: its place among the classes; empty: an average of them.
    """

    number: str
    name: str
    precision: float
    recall: float
    f1: float
    support: int


def class_rows(per_class: Mapping[str, Mapping[str, float]]) -> list[ClassRow]:
    """The classes in their order.

    Args:
        per_class: name to `precision`, `recall`, `f1` and `support`.
    """
    return [
        ClassRow(str(number), name, **scores)
        for number, (name, scores) in enumerate(per_class.items())
    ]


def worst_classes(rows: Sequence[ClassRow]) -> list[ClassRow]:
    """The 10 with the lowest F1, the lowest first; of few classes, none.

    Where there are more than 30, a reader wants them before all others.
    """
    if len(rows) <= 3 * _WEAKEST:
        return []
    return sorted(rows, key=lambda row: row.f1)[:_WEAKEST]


def average(metrics: Mapping[str, Any], rows: Sequence[ClassRow]) -> ClassRow:
    """What all classes, or all entities, come to.

    Args:
        metrics: of one split.
        rows: its classes.
    """
    support = sum(row.support for row in rows)
    if "entity_f1" in metrics:
        names = ("entity_precision", "entity_recall", "entity_f1")
        scores = (metrics[name] for name in names)
        return ClassRow("", "all entities", *scores, support)
    names = ("precision_macro", "recall_macro", "f1_macro")
    scores = (metrics[name] for name in names)
    return ClassRow("", "macro average", *scores, support)


def most_confused(
    matrix: Sequence[Sequence[int]], label_names: Sequence[str]
) -> list[tuple[str, str, int, float]]:
    """The mistakes made most often, the most frequent first.

    Args:
        matrix: counts; rows true, columns predicted.
        label_names: a name a row.

    Returns:
        At most 10 of (true name, predicted name, count, share of the true
        class).

    Example:

    >>> most_confused([[8, 2], [0, 5]], ["cat", "dog"])
    [('cat', 'dog', 2, 0.2)]
    """
    counts = np.asarray(matrix)
    mistakes = counts - np.diag(np.diag(counts))
    order = np.argsort(-mistakes, axis=None, kind="stable")
    rows, columns = np.unravel_index(order[:_MOST_CONFUSIONS], counts.shape)
    return [
        (
            label_names[row],
            label_names[column],
            int(mistakes[row, column]),
            float(mistakes[row, column] / counts[row].sum()),
        )
        for row, column in zip(rows, columns, strict=True)
        if mistakes[row, column]
    ]
