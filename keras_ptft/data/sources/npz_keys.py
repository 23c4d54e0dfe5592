"""Which arrays of an npz file are inputs and labels, and of which split."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from keras_ptft.data.sources.split_discovery import split_of
from keras_ptft.errors import UserError

LABEL_NAMES = "label_names"

_INPUTS = frozenset(["x", "images", "image", "data", "inputs"])
_LABELS = frozenset(["y", "labels", "label", "targets"])
_SIGNS = re.compile(r"[-_. ]+|(?<=[a-z])(?=[A-Z])")


class Pair(NamedTuple):
    """The names of the arrays of inputs and of labels; empty: no labels."""

    inputs: str
    labels: str


def find_pairs(
    names: Sequence[str], path: str, *, needs_labels: bool = True
) -> tuple[dict[str, Pair], list[str]]:
    """Finds the arrays of each split by their names.

    Args:
        names: of all arrays in the file.
        path: the file, for errors.
        needs_labels: whether inputs count only with their labels; otherwise
            those of all splits have none if those to train on have none.

    Returns:
        Split to its arrays, "train" alone where no name tells a split; and
        the names that are left over.

    Raises:
        UserError: no inputs and labels to train on, or two arrays that may
            be the same.

    Example:

    >>> find_pairs(["train_images", "train_labels", "meta"], "a.npz")
    ({'train': Pair(inputs='train_images', labels='train_labels')}, ['meta'])
    """
    found: dict[tuple[str, bool], str] = {}
    for name in names:
        meant = _meaning(name)
        if meant is None or name == LABEL_NAMES:
            continue
        if meant in found:
            raise UserError(
                f"{path} must hold one array of each kind, got "
                f"{found[meant]!r} and {name!r}: leave one out, or rename it."
            )
        found[meant] = name
    pairs = {
        split: Pair(name, found[split, True])
        for (split, is_label), name in found.items()
        if not is_label and (split, True) in found
    }
    if not needs_labels and not {"", "train"} & set(pairs):
        pairs = {
            split: Pair(name, "")
            for (split, is_label), name in found.items()
            if not is_label
        }
    chosen = _chosen(pairs, names, path)
    used = [name for pair in chosen.values() for name in pair]
    return chosen, [n for n in names if n not in (*used, LABEL_NAMES)]


def _meaning(name: str) -> tuple[str, bool] | None:
    """The split, or "", and whether it is of labels; None: neither."""
    words = [word.casefold() for word in _SIGNS.split(name) if word]
    for known, is_label in ((_LABELS, True), (_INPUTS, False)):
        for word in words:
            if word in known:
                rest = words.copy()
                rest.remove(word)
                split = split_of(" ".join(rest))
                return (split, is_label) if split or not rest else None
    return None


def _chosen(
    pairs: dict[str, Pair], names: Sequence[str], path: str
) -> dict[str, Pair]:
    if "train" in pairs:
        order = "train", "validation", "test"
        return {split: pairs[split] for split in order if split in pairs}
    if "" in pairs:
        return {"train": pairs[""]}
    raise UserError(
        f"{path} must hold inputs and labels, as x and y, or train_images, "
        "train_labels, test_images and test_labels; it holds: "
        f"{', '.join(names) or 'none'}."
    )
