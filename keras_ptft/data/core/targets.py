"""What is to be predicted where examples have no class: numbers or sets."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft.errors import UserError

CLASSES = "classes"
"""An example has one label, or each of its words has one, or none has."""
NUMBERS = "numbers"
"""An example has a number that was measured."""
SETS = "sets"
"""An example has any of several labels, or none."""


@dataclasses.dataclass(frozen=True)
class Target:
    """The number that is to be predicted.

    Attributes:
        name: what the data call it; empty: not known.
        mean: of the training split.
        std: standard deviation in the training split.
    """

    name: str = ""
    mean: float = 0.0
    std: float = 1.0


NO_TARGET = Target()
"""Where labels are no numbers."""


def kind_of(values: np.ndarray | None) -> str:
    """Returns what labels are: CLASSES, NUMBERS or SETS.

    Args:
        values: of a source; None: its labels are classes, or there are none.

    Example:

    >>> kind_of(np.array([1.5, 2.0])), kind_of(np.eye(2)), kind_of(None)
    ('numbers', 'sets', 'classes')
    """
    if values is None:
        return CLASSES
    return NUMBERS if values.ndim == 1 else SETS


def target_of(values: np.ndarray, name: str) -> Target:
    """Returns what is known of the number to be predicted.

    Args:
        values: float32 of shape (examples,), those of the training split.
        name: what the data call it.

    Example:

    >>> target_of(np.array([1.0, 3.0]), "price")
    Target(name='price', mean=2.0, std=1.0)
    """
    wide = values.astype(np.float64)
    return Target(name, float(wide.mean()), float(wide.std()))


def facts_of(values: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """Returns what `result.json` tells of the targets of one split.

    Args:
        values: float32 of shape (examples,) or (examples, labels).
        names: of the labels.

    Returns:
        Of numbers `lowest`, `highest`, `mean` and `std`; of sets how many
        examples have each of the `labels`, and how many are `without` any.

    Example:

    >>> facts_of(np.array([[1, 0], [1, 1], [0, 0]]), ["even", "prime"])
    {'labels': {'even': 2, 'prime': 1}, 'without': 1}
    """
    if kind_of(values) == NUMBERS:
        target = target_of(values, "")
        return {
            "lowest": float(values.min()),
            "highest": float(values.max()),
            "mean": target.mean,
            "std": target.std,
        }
    counts = values.astype(np.int64).sum(axis=0).tolist()
    without = int((values.sum(axis=1) == 0).sum())
    return {
        "labels": dict(zip(names, counts, strict=True)),
        "without": without,
    }


def check_values(
    parts: Mapping[str, np.ndarray], names: Sequence[str], spec: str
) -> None:
    """Raises a UserError unless a model can learn to predict the values.

    Args:
        parts: split to its values; without "train" they are to be scored.
        names: of the labels; none of numbers.
        spec: the data set as the user named it, for errors.
    """
    for split, values in parts.items():
        check_each(values, names, f"The {split} split of --dataset={spec}")
    train = parts.get("train")
    if train is None or not len(train) or (train != train[0]).any():
        return
    if kind_of(train) == NUMBERS:
        same = f"number, {train[0]:g}"
    else:
        there = np.flatnonzero(train[0]).tolist()
        same = f"labels, {', '.join(names[n] for n in there) or 'none'}"
    raise UserError(
        f"The {len(train):,} training examples of --dataset={spec} all have "
        f"the same {same}: nothing can be learned from them."
    )


def check_each(values: np.ndarray, names: Sequence[str], what: str) -> None:
    """Raises a UserError unless values are finite, or those of sets 0 or 1.

    Args:
        values: float32 of shape (examples,) or (examples, labels).
        names: of the labels; none of numbers.
        what: the array, as an error names it.
    """
    if kind_of(values) == SETS:
        if values.shape[1] != len(names):
            raise UserError(
                f"{what} must have a name for each of {values.shape[1]} "
                f"labels, got {len(names)}: name them."
            )
        wrong = ((values != 0) & (values != 1)).any(axis=1)
        wanted = "0 or 1 for each label"
    else:
        wrong, wanted = ~np.isfinite(values), "a finite number an example"
    if wrong.any():
        index = int(np.argmax(wrong))
        raise UserError(
            f"{what} must have {wanted}, got {values[index]} at example "
            f"{index}: correct the data."
        )
