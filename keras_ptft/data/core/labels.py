"""Labels as the text that the user's data have, and their order."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

_WHOLE = re.compile(r"[+-]?\d{1,18}")


def are_numbers(names: Sequence[str]) -> bool:
    """Returns whether all names are whole numbers."""
    return bool(names) and all(_WHOLE.fullmatch(name) for name in names)


def sorted_names(names: Iterable[str]) -> tuple[str, ...]:
    """Returns different names in order, whole numbers by their value.

    Example:

    >>> sorted_names(["10", "9", "007"]), sorted_names(["b", "10", "9"])
    (('007', '9', '10'), ('10', '9', 'b'))
    """
    found = sorted(set(names))
    return tuple(sorted(found, key=int) if are_numbers(found) else found)


def encode_labels(
    parts: Mapping[str, Sequence[str]], where: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Numbers labels by the sorted names of the training split.

    Args:
        parts: split to the label of each example, with "train".
        where: split to what an error calls it, such as its file.

    Returns:
        Split to int64 indices of names, and the names.

    Raises:
        UserError: a label that the training split lacks.

    Example:

    >>> encode_labels({"train": ["dog", "cat", "dog"]}, {})
    ({'train': array([1, 0, 1])}, ('cat', 'dog'))
    """
    names = sorted_names(parts["train"])
    codes = {name: index for index, name in enumerate(names)}
    for split, labels in parts.items():
        for label in dict.fromkeys(labels):
            if label not in codes:
                raise unknown_label(label, names, where[split])
    return {
        split: np.array([codes[label] for label in labels], np.int64)
        for split, labels in parts.items()
    }, names


def unknown_label(label: str, names: Sequence[str], where: str) -> UserError:
    """Returns the error about a label that training does not have.

    Args:
        label: the label.
        names: those of training.
        where: what has the label.
    """
    return UserError(
        f"{where} has label {label!r}, which training lacks"
        f"{nearest(label, names)}: correct it, or train on examples of it."
    )


def alike(names: Sequence[str]) -> list[tuple[str, str]]:
    """Returns pairs of names that may be meant to be the same.

    They differ in case, in spaces or in zeros before a number alone.

    Example:

    >>> alike(("007", "7", "Red", "blue", "red "))
    [('007', '7'), ('Red', 'red ')]
    """
    first: dict[str, str] = {}
    pairs = []
    for name in names:
        plain = " ".join(name.casefold().split())
        key = str(int(plain)) if _WHOLE.fullmatch(plain) else plain
        if first.setdefault(key, name) != name:
            pairs.append((first[key], name))
    return pairs
