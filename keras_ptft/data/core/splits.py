"""Splits, classes and subsets of a data set.

An example's split depends on its content alone: it does not change when
other examples are added, and equal examples are never in two splits.
"""

import re

import numpy as np

from keras_ptft.data.core.dataset import (
    OUT_OF_SCOPE,
    Dataset,
    Source,
    Subset,
    take,
)
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest


def hash_split(
    source: Source, fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Splits by the high 32 bits of each example's content hash.

    Args:
        source: the examples.
        fraction: to hold out, strictly between 0 and 1.

    Returns:
        (rest, held out), int64 arrays of indices in `source`.

    Raises:
        UserError: a fraction outside of (0, 1).
    """
    if not 0 < fraction < 1:
        raise UserError(
            f"test_fraction must lie between 0 and 1, got {fraction}."
        )
    return _below(source.hashes >> np.uint64(32), fraction)


def split_test(
    source: Source, label_names: tuple[str, ...], fraction: float
) -> Dataset:
    """Returns a data set, with a test split held out by `hash_split`."""
    rest, test = hash_split(source, fraction)
    splits = {"train": take(source, rest), "test": take(source, test)}
    return Dataset(splits, label_names)


def hold_out_validation(dataset: Dataset, fraction: float) -> Dataset:
    """Splits validation off train, never off test.

    It goes by the low 32 bits of the content hash, which are independent
    of the high ones that may have chosen the test split. Of contiguous
    texts it is the end, which leaves the rest in one piece.

    Args:
        dataset: which keeps the validation split it may have.
        fraction: of train to hold out; 0: none.

    Returns:
        The data set with "validation", or the same one.

    Raises:
        UserError: nothing would be held out, or nothing left to train on.
    """
    if not fraction or "validation" in dataset.splits:
        return dataset
    train = dataset.splits["train"]
    if train.contiguous:
        last = round(len(train) * (1 - fraction))
        rest, held_out = np.split(np.arange(len(train)), [last])
    else:
        low = train.hashes & np.uint64(0xFFFFFFFF)
        rest, held_out = _below(low, fraction)
    if not len(rest) or not len(held_out):
        raise UserError(
            f"--validation_fraction={fraction:g} of {len(train)} training "
            f"examples leaves {len(rest)} to train on and {len(held_out)} "
            "to validate: change it, or set 0 for no validation."
        )
    return dataset.with_splits(
        train=take(train, rest), validation=take(train, held_out)
    )


def select_classes(dataset: Dataset, classes: str) -> Dataset:
    """Keeps some classes and numbers them from 0 in label order.

    Args:
        dataset: with all its classes.
        classes: names and ranges of label indices, as in "cat,dog", "1,3"
            or "0-4", of which names take precedence; empty keeps all.

    Returns:
        The data set of these classes; "out_of_scope" stays whole.

    Raises:
        UserError: no labels, an unknown class, fewer than two, or one
            without training or any test examples.
    """
    if not classes.strip():
        return dataset
    if dataset.tagged or not dataset.label_names:
        raise UserError(
            f"--classes={classes} chooses among labels of examples, and this "
            "data set has none: leave it out."
        )
    chosen = _chosen(classes, dataset.label_names)
    splits = {
        split: source if split == OUT_OF_SCOPE else _relabelled(source, chosen)
        for split, source in dataset.splits.items()
    }
    names = tuple(dataset.label_names[index] for index in chosen)
    counts = np.bincount(splits["train"].labels, minlength=len(names))
    if not counts.all():
        raise UserError(
            f"--classes={classes}: class {names[int(np.argmin(counts))]!r} "
            "has no training examples: choose others."
        )
    empty = [split for split, source in splits.items() if not len(source)]
    if empty:
        raise UserError(
            f"--classes={classes}: no examples of them in the {empty[0]} "
            "split: choose others."
        )
    return Dataset(splits, names)


def subset_train(dataset: Dataset, examples: int, seed: int) -> Dataset:
    """Keeps a seeded training subset with classes as equal as possible.

    A class with too few examples is kept whole. With the same seed, a
    smaller subset is part of every larger one.

    Args:
        dataset: whose other splits are unchanged.
        examples: number to keep; 0 keeps all.
        seed: of the choice.

    Returns:
        The data set with a smaller "train", or the same one.

    Raises:
        UserError: more examples than there are, or fewer than classes.
    """
    if not examples:
        return dataset
    train = dataset.splits["train"]
    present = len(np.unique(train.labels))
    if not present <= examples <= len(train):
        raise UserError(
            f"--train_examples must be from {present}, one a class, to "
            f"{len(train)}, all there are, got {examples}."
        )
    order = np.random.default_rng(seed).permutation(len(train))
    ranks = _ranks_within_class(train.labels[order])
    chosen = order[np.argsort(ranks, kind="stable")[:examples]]
    return dataset.with_splits(train=take(train, np.sort(chosen)))


def _below(bits: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    held_out = bits < fraction * 2.0**32
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _chosen(classes: str, names: tuple[str, ...]) -> np.ndarray:
    parts = [part.strip() for part in classes.split(",") if part.strip()]
    if classes in names:
        parts = [classes]
    chosen = sorted({n for part in parts for n in _indices(part, names)})
    if len(chosen) < 2:
        raise UserError(
            f"--classes={classes} must choose at least two classes; "
            f"there are: {_listed(names)}."
        )
    return np.array(chosen)


def _indices(part: str, names: tuple[str, ...]) -> range:
    if part in names:
        index = names.index(part)
        return range(index, index + 1)
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part)
    if match:
        first, last = match.groups(default=match.group(1))
        found = range(int(first), int(last) + 1)
        if found and found[-1] < len(names):
            return found
    raise UserError(
        f"--classes: no class {part!r}{nearest(part, names)}; "
        f"there are: {_listed(names)}."
    )


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:20])
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"{shown}{more} (or index ranges within 0-{len(names) - 1})"


def _relabelled(source: Source, chosen: np.ndarray) -> Subset:
    kept = take(source, np.flatnonzero(np.isin(source.labels, chosen)))
    labels = np.searchsorted(chosen, kept.labels).astype(np.int64)
    return Subset(kept.source, kept.indices, labels)


def _ranks_within_class(labels: np.ndarray) -> np.ndarray:
    """The number of equal labels before each label."""
    grouped = np.argsort(labels, kind="stable")
    _, first, sizes = np.unique(
        labels[grouped], return_index=True, return_counts=True
    )
    ranks = np.empty_like(grouped)
    ranks[grouped] = np.arange(len(labels)) - np.repeat(first, sizes)
    return ranks
