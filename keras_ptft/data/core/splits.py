"""Test and validation splits, and subsets, of a data set.

An example's split depends on its content alone, or on what it belongs to: it
does not change when other examples are added, unless splits are stratified,
and equal examples are never in two splits.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Source, take
from keras_ptft.errors import UserError

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_GOLDEN = 0x9E3779B97F4A7C15


def hold_out_test(
    dataset: Dataset, *, stratify: bool = False, seed: int = 0
) -> Dataset:
    """Splits a test split off train where there is none.

    It goes by the high 32 bits of each example's content hash, or of its
    group's.

    Args:
        dataset: which keeps the test split it may have.
        stratify: hold out the share of each class, at least one example and
            at most all but one, in place of about the share of all.
        seed: each draws another test split.

    Returns:
        The data set with "test", or the same one.

    Raises:
        UserError: a fraction outside of (0, 1).
    """
    if "test" in dataset.splits:
        return dataset
    fraction, train = dataset.test_fraction, dataset.splits["train"]
    if not 0 < fraction < 1:
        raise UserError(
            f"test_fraction must lie between 0 and 1, got {fraction}."
        )
    bits = _mixed(keys_of(train), seed) >> _HALF
    rest, held_out = _divide(train, bits, fraction, stratify)
    parts = {"train": take(train, rest), "test": take(train, held_out)}
    others = {k: v for k, v in dataset.splits.items() if k != "train"}
    return dataclasses.replace(
        dataset, splits={**parts, **others}, drawn=("test",)
    )


def hold_out_validation(
    dataset: Dataset,
    fraction: float,
    *,
    stratify: bool = False,
    seed: int = 0,
) -> Dataset:
    """Splits validation off train, never off test.

    It goes by the low 32 bits of the hash, which are independent of the
    high ones that may have chosen the test split. Of contiguous texts it is
    the end, which leaves the rest in one piece.

    Args:
        dataset: which keeps the validation split it may have.
        fraction: of train to hold out; 0: none.
        stratify: as in `hold_out_test`.
        seed: each draws another validation split, but for contiguous texts.

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
        bits = _mixed(keys_of(train), seed) & _LOW
        rest, held_out = _divide(train, bits, fraction, stratify)
    if not len(rest) or not len(held_out):
        raise UserError(
            f"--validation_fraction={fraction:g} of {len(train)} training "
            f"examples leaves {len(rest)} to train on and {len(held_out)} "
            "to validate: change it, or set 0 for no validation."
        )
    divided = dataset.with_splits(
        train=take(train, rest), validation=take(train, held_out)
    )
    drawn = (*dataset.drawn, "validation")
    return dataclasses.replace(divided, drawn=drawn)


def subset(dataset: Dataset, split: str, examples: int, seed: int) -> Dataset:
    """Keeps a seeded subset of a split with classes as equal as possible.

    A class with too few examples is kept whole. With the same seed, a
    smaller subset is part of every larger one.

    Args:
        dataset: whose other splits are unchanged.
        split: "train" or "validation".
        examples: number to keep; 0 keeps all.
        seed: of the choice.

    Returns:
        The data set with a smaller split, or the same one.

    Raises:
        UserError: more examples than there are, or fewer than classes, or
            no such split.
    """
    if not examples:
        return dataset
    setting = f"--{split}_examples"
    if split not in dataset.splits:
        raise UserError(
            f"{setting}={examples} needs a {split} split: set "
            "--validation_fraction above 0, or leave it out."
        )
    source = dataset.splits[split]
    present = len(np.unique(source.labels))
    if not present <= examples <= len(source):
        raise UserError(
            f"{setting} must be from {present}, one a class, to "
            f"{len(source)}, all there are, got {examples}."
        )
    order = np.random.default_rng(seed).permutation(len(source))
    ranks = _ranks_within_class(source.labels[order])
    chosen = order[np.argsort(ranks, kind="stable")[:examples]]
    return dataset.keep(split, np.sort(chosen), f"beyond {setting}={examples}")


def subset_of_classes(
    dataset: Dataset, limit: Callable[[int], int], seed: int, reason: str
) -> Dataset:
    """Keeps a seeded training subset with a limit for each class.

    With the same seed, a smaller subset is part of every larger one.

    Args:
        dataset: whose other splits are unchanged.
        limit: examples of a class → how many to keep; at least one is kept.
        seed: of the choice.
        reason: why the others are left out, for the account.
    """
    train = dataset.splits["train"]
    order = np.random.default_rng(seed).permutation(len(train))
    labels = train.labels[order]
    values, codes = np.unique(labels, return_inverse=True)
    sizes = np.bincount(codes, minlength=len(values))
    limits = np.array([max(limit(int(size)), 1) for size in sizes])
    chosen = order[_ranks_within_class(labels) < limits[codes]]
    return dataset.keep("train", np.sort(chosen), reason)


def keys_of(source: Source) -> np.ndarray:
    """Returns the hash of what is never divided: an example, or its group."""
    return source.hashes if source.groups is None else source.groups


def most_common(owners: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the most common label of each owner; the least of several.

    Args:
        owners: of each example, int of shape (examples,).
        labels: likewise.

    Returns:
        A label for each owner that there is, by their number.

    Example:

    >>> most_common(np.array([0, 0, 0, 3]), np.array([5, 4, 5, 1])).tolist()
    [5, 1]
    """
    pairs, counts = np.unique(
        np.stack([owners, labels], 1), axis=0, return_counts=True
    )
    order = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    _, first = np.unique(pairs[order, 0], return_index=True)
    return pairs[order[first], 1]


def _mixed(keys: np.ndarray, seed: int) -> np.ndarray:
    """Hashes that are independent for each seed; as they are for 0.

    The last step of SplitMix64 (Steele et al. 2014, "Fast Splittable
    Pseudorandom Number Generators").
    """
    if not seed:
        return keys
    z = keys + np.uint64(seed * _GOLDEN % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _divide(
    source: Source, bits: np.ndarray, fraction: float, stratify: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the rest, and of what is held out."""
    held_out = bits < fraction * 2.0**32
    if stratify:
        held_out = _of_each_class(source, bits, fraction)
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _of_each_class(
    source: Source, bits: np.ndarray, fraction: float
) -> np.ndarray:
    """Which examples to hold out so that every class is in both parts.

    What is never divided counts for the most common of its labels.
    """
    keys, first, inverse = np.unique(
        keys_of(source), return_index=True, return_inverse=True
    )
    labels = most_common(inverse, source.labels)
    order = np.lexsort((keys, bits[first]))
    ranks = np.empty(len(keys), np.int64)
    ranks[order] = _ranks_within_class(labels[order])
    values, codes = np.unique(labels, return_inverse=True)
    sizes = np.bincount(codes, minlength=len(values))
    counts = np.clip(np.rint(fraction * sizes), 1, np.maximum(sizes - 1, 0))
    return (ranks < counts[codes])[inverse]


def _ranks_within_class(labels: np.ndarray) -> np.ndarray:
    """The number of equal labels before each label."""
    grouped = np.argsort(labels, kind="stable")
    _, first, sizes = np.unique(
        labels[grouped], return_index=True, return_counts=True
    )
    ranks = np.empty_like(grouped)
    ranks[grouped] = np.arange(len(labels)) - np.repeat(first, sizes)
    return ranks
