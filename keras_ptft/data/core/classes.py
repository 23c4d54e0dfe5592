"""Which classes are used, and how they are numbered."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import (
    OUT_OF_SCOPE,
    Dataset,
    DerivedSource,
    Source,
    Subset,
)
from keras_ptft.data.core.labels import are_numbers, unknown_label
from keras_ptft.data.core.targets import SETS
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

_SHOWN = 20
_OTHERS = "of other classes"
_LEARNED_FROM = ("train", "validation")


class Relabelled(DerivedSource):
    """The examples of a source, with labels or tags numbered in another way.

    Args:
        source: the examples.
        numbers: int64 array, the new number of each old one.
    """

    def __init__(self, source: Source, numbers: np.ndarray) -> None:
        super().__init__(source)
        self._numbers = numbers
        if source.tags is not None:
            self.tags = [numbers[tags] for tags in source.tags]
        else:
            known = np.maximum(source.labels, 0)
            self.labels = np.where(source.labels < 0, -1, numbers[known])

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        if not self.has_targets:
            return Source.targets(self, indices)
        found = super().targets(indices)
        numbers = tf.constant(self._numbers, found.dtype)
        return tf.where(
            found < 0, found, tf.gather(numbers, tf.maximum(found, 0))
        )


def select_classes(dataset: Dataset, classes: str) -> Dataset:
    """Keeps some classes and numbers them from 0 in label order.

    Args:
        dataset: with all its classes.
        classes: names and ranges, as in "cat,dog", "1,3" or "0-4"; a range
            is of the names where all are whole numbers, or else of label
            indices; names come first. Empty keeps all.

    Returns:
        The data set of these classes; "out_of_scope" stays whole.

    Raises:
        UserError: no labels, an unknown class, fewer than two, or one
            without training or any test examples.
    """
    if not classes.strip():
        return dataset
    if not dataset.class_names:
        raise UserError(
            f"--classes={classes} chooses among classes of examples, and this "
            "data set has none: leave it out."
        )
    chosen = _chosen(classes, dataset.label_names, "classes", 2)
    names = tuple(dataset.label_names[index] for index in chosen)
    dataset = _only(dataset, chosen, names)
    train = dataset.splits.get("train")
    if train is not None:
        counts = np.bincount(train.labels, minlength=len(names))
        if not counts.all():
            raise UserError(
                f"--classes={classes}: class {names[int(np.argmin(counts))]!r} "
                "has no training examples: choose others."
            )
    empty = [split for split, part in dataset.splits.items() if not len(part)]
    if empty:
        raise UserError(
            f"--classes={classes}: no examples of them in the {empty[0]} "
            "split: choose others."
        )
    return dataset.noting(f"--classes={classes} keeps {', '.join(names)}")


def leave_untrained(dataset: Dataset, classes: str) -> Dataset:
    """Leaves examples of some classes out of training and validation.

    The classes keep their numbers, and their test examples: a model has an
    output for each, and is scored on them.

    Args:
        dataset: with all its classes.
        classes: as in `select_classes`. Empty leaves all in.

    Raises:
        UserError: no labels, an unknown class, or no class is left.

    Example:

    >>> from keras_ptft.data.core.array_source import ArraySource
    >>> source = ArraySource(np.eye(4), [0, 1, 2, 1])
    >>> dataset = Dataset({"train": source, "test": source}, ("a", "b", "c"))
    >>> splits = leave_untrained(dataset, "b").splits
    >>> [part.labels.tolist() for part in splits.values()]
    [[0, 2], [0, 1, 2, 1]]
    """
    if not classes.strip():
        return dataset
    setting = f"--untrained_classes={classes}"
    if not dataset.class_names:
        raise UserError(
            f"{setting} chooses among classes of examples, and this data set "
            "has none: leave it out."
        )
    chosen = _chosen(classes, dataset.label_names, "untrained_classes", 1)
    for split in filter(dataset.splits.__contains__, _LEARNED_FROM):
        kept = np.flatnonzero(~np.isin(dataset.splits[split].labels, chosen))
        if not len(kept):
            raise UserError(
                f"{setting} leaves no {split} examples: name fewer classes."
            )
        dataset = dataset.keep(split, kept, f"of {setting}")
    return dataset


def number_as_trained(
    dataset: Dataset, names: tuple[str, ...], *, drop_others: bool
) -> Dataset:
    """Numbers the classes as a trained model does, by their names.

    Args:
        dataset: which may lack some of the model's classes.
        names: those of the model; none: it has no classes.
        drop_others: leave out examples of other classes.

    Raises:
        UserError: an example of another class, or no labels at all.
    """
    if dataset.label_names == names or not names:
        return dataset
    if dataset.label_kind == SETS:
        return _columns_as_trained(dataset, names)
    if not dataset.label_names:
        raise UserError(
            f"The model knows the classes {listed(names)}, and these data "
            "have no labels: add them, or use predict."
        )
    codes = {name: index for index, name in enumerate(names)}
    numbers = np.array([codes.get(n, -1) for n in dataset.label_names])
    if drop_others:
        known = np.flatnonzero(numbers >= 0)
        order = known[np.argsort(numbers[known])]
        kept = tuple(dataset.label_names[index] for index in order)
        others = dataset.label_names
        dataset = _only(dataset, order, kept)
        if not all(len(part) for part in dataset.splits.values()):
            raise UserError(
                f"The model knows the classes {listed(names)}, and a split of "
                f"the data has none of them, but {listed(others)}: give "
                "others."
            )
        numbers = numbers[order]
    for split, source in dataset.splits.items():
        for index in _present(source):
            if numbers[index] < 0:
                name = dataset.label_names[index]
                raise unknown_label(name, names, f"The {split} split")
    splits = {k: Relabelled(v, numbers) for k, v in dataset.splits.items()}
    return dataclasses.replace(dataset, splits=splits, label_names=names)


def _columns_as_trained(dataset: Dataset, names: tuple[str, ...]) -> Dataset:
    """The data set with the labels of its sets in the order of a model."""
    if unlike := sorted({*names} ^ {*dataset.label_names}):
        raise UserError(
            f"The model knows the labels {listed(names)}, and these data have "
            f"{listed(dataset.label_names)}: {unlike[0]!r} must be in both."
        )
    order = [dataset.label_names.index(name) for name in names]
    splits = {k: _Reordered(v, order) for k, v in dataset.splits.items()}
    return dataclasses.replace(dataset, splits=splits, label_names=names)


class _Reordered(DerivedSource):
    """The examples of a source, with the labels of sets in another order."""

    def __init__(self, source: Source, order: Sequence[int]) -> None:
        super().__init__(source)
        if source.values is not None:
            self.values = source.values[:, order]

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        return Source.targets(self, indices)


def listed(names: Sequence[str]) -> str:
    """Returns names on one line, the first of them where there are many.

    Example:

    >>> listed(["a", "b"])
    'a, b'
    """
    shown = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _present(source: Source) -> list[int]:
    """The numbers of the labels or tags that there are."""
    if source.tags is not None:
        parts = [np.empty(0, np.int64), *source.tags]
        return np.unique(np.concatenate(parts)).tolist()
    return np.unique(source.labels[source.labels >= 0]).tolist()


def _only(
    dataset: Dataset, chosen: np.ndarray, names: tuple[str, ...]
) -> Dataset:
    """The data set of some classes, numbered in the order of `chosen`."""
    numbers = np.full(len(dataset.label_names), -1)
    numbers[chosen] = np.arange(len(chosen))
    for split, source in dataset.splits.items():
        if split != OUT_OF_SCOPE:
            kept = np.flatnonzero(numbers[source.labels] >= 0)
            dataset = dataset.keep(split, kept, _OTHERS)
    splits = {
        split: source if split == OUT_OF_SCOPE else _renumbered(source, numbers)
        for split, source in dataset.splits.items()
    }
    return dataclasses.replace(dataset, splits=splits, label_names=names)


def _renumbered(source: Source, numbers: np.ndarray) -> Source:
    # kept examples are a subset, which is read without another step
    if isinstance(source, Subset):
        return Subset(source.source, source.indices, numbers[source.labels])
    return Relabelled(source, numbers)


def _chosen(
    classes: str, names: tuple[str, ...], setting: str, least: int
) -> np.ndarray:
    parts = [part.strip() for part in classes.split(",") if part.strip()]
    if classes in names:
        parts = [classes]
    found = {n for part in parts for n in _indices(part, names, setting)}
    if len(found) < least:
        number = "one class" if least == 1 else "two classes"
        raise UserError(
            f"--{setting}={classes} must choose at least {number}; "
            f"there are: {_choices(names)}."
        )
    return np.array(sorted(found))


def _indices(part: str, names: tuple[str, ...], setting: str) -> Sequence[int]:
    if part in names:
        return [names.index(part)]
    numbers = (
        [int(name) for name in names]
        if are_numbers(names)
        else list(range(len(names)))
    )
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part)
    if match:
        first, last = map(int, match.groups(default=match.group(1)))
        if min(numbers) <= first <= last <= max(numbers):
            return [i for i, n in enumerate(numbers) if first <= n <= last]
    raise UserError(
        f"--{setting}: no class {part!r}{nearest(part, names)}; "
        f"there are: {_choices(names)}."
    )


def _choices(names: tuple[str, ...]) -> str:
    if are_numbers(names):
        return f"{listed(names)} (or ranges, as {names[0]}-{names[-1]})"
    return f"{listed(names)} (or index ranges within 0-{len(names) - 1})"
