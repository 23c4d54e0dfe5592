"""Chooses how strong the penalty of a linear model is."""

from typing import NamedTuple

import numpy as np

from keras_ptft.comparison.baselines.features import Matrix
from keras_ptft.comparison.baselines.models import Family

_FOLDS = 3


class Examples(NamedTuple):
    """Rows, and what is to be predicted of each."""

    rows: Matrix
    targets: np.ndarray

    def at(self, indices: np.ndarray) -> "Examples":
        """Returns some of them."""
        return Examples(self.rows[indices], self.targets[indices])


Division = tuple[Examples, Examples]
"""Examples to learn from, and others to judge by."""


def choose(
    family: Family, train: Examples, validation: Examples | None, outputs: int
) -> float | None:
    """Finds the value of a family's setting that errs least.

    The search ends at the first value that is worse than the best. Of two
    that are as good, the stronger penalty is taken.

    Args:
        family: the models.
        train: the training examples.
        validation: those to judge by; None: each third of `train` is judged
            by the others.
        outputs: how many scores an example has.

    Returns:
        The value; None: there are too few examples to judge by.
    """
    divisions = thirds(train) if validation is None else [(train, validation)]
    if not divisions:
        return None
    best, lowest = family.grid[0], np.inf
    for strength in family.grid:
        error = _error(family, divisions, outputs, strength)
        if error > lowest:
            break
        if error < lowest:
            best, lowest = strength, error
    return best


def thirds(examples: Examples) -> list[Division]:
    """Divides examples into thirds, each with its share of every class.

    What is of a class that the other thirds do not have judges nothing.

    Example:

    >>> targets = np.array([0, 0, 0, 1, 1, 2])
    >>> parts = thirds(Examples(np.eye(6), targets))
    >>> [held.targets.tolist() for _, held in parts]
    [[0, 1], [0, 1], [0]]
    """
    targets = examples.targets
    are_classes = targets.dtype.kind == "i"
    order = np.argsort(targets, kind="stable") if are_classes else slice(None)
    folds = np.empty(len(targets), np.int64)
    folds[order] = np.arange(len(targets)) % _FOLDS
    found = []
    for fold in range(_FOLDS):
        held, rest = (np.flatnonzero(x) for x in (folds == fold, folds != fold))
        if are_classes:
            held = held[np.isin(targets[held], targets[rest])]
        if len(held) and len(rest):
            found.append((examples.at(rest), examples.at(held)))
    return found


def _error(
    family: Family,
    divisions: list[Division],
    outputs: int,
    strength: float,
) -> float:
    """The mean error over all examples that judge."""
    errors, counts = [], []
    for train, held in divisions:
        model = family.fit(train.rows, train.targets, outputs, strength)
        errors.append(family.error(model.scores(held.rows), held.targets))
        counts.append(len(held.targets))
    return float(np.average(errors, weights=counts))
