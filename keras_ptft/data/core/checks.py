"""What every data set is checked for, wherever it comes from."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.classes import listed
from keras_ptft.data.core.dataset import (
    OUT_OF_SCOPE,
    Dataset,
    Source,
    check_labels,
)
from keras_ptft.data.core.hashing import content_hashes
from keras_ptft.data.core.info import InputSpec
from keras_ptft.data.core.labels import alike, unknown_label
from keras_ptft.data.core.targets import CLASSES, check_values
from keras_ptft.errors import UserError

_SAMPLE = 32
_BATCH = 256
_MANY = 20


def check(dataset: Dataset, spec: str, *, scoring: bool = False) -> Dataset:
    """Returns a data set, with notes, if a model can learn from it.

    Args:
        dataset: as it was loaded or handed over.
        spec: how the user named it, for errors.
        scoring: whether a trained model is to be scored on it, which needs
            neither training examples nor two classes.

    Raises:
        UserError: a split is missing or empty, splits have other inputs or
            share a group, one class, names that are the same, labels that
            have no name or no training example, or inputs or targets that
            are all the same or not finite.
    """
    _check_splits(dataset, spec, scoring)
    if not scoring:
        _check_names(dataset, spec)
    for split, source in dataset.splits.items():
        if dataset.label_names and split != OUT_OF_SCOPE:
            check_labels(source.labels, dataset.label_names)
    _check_trained_labels(dataset)
    values = {split: part.values for split, part in dataset.splits.items()}
    given = {split: part for split, part in values.items() if part is not None}
    check_values(given, dataset.label_names, spec)
    _check_groups(dataset)
    notes = [*_look_alike(dataset), *_doubtful_labels(dataset)]
    for split, source in dataset.splits.items():
        notes += _check_inputs(source, split, spec)
    return dataset.noting(*notes)


def uncovered(dataset: Dataset) -> tuple[str, ...]:
    """Returns a note for each split that lacks classes.

    Args:
        dataset: with all its splits.

    Example:

    >>> from keras_ptft.data.core.array_source import ArraySource
    >>> parts = {
    ...     split: ArraySource(np.eye(len(labels)), labels)
    ...     for split, labels in {"train": [0, 1], "test": [1]}.items()
    ... }
    >>> uncovered(Dataset(parts, ("cat", "dog")))
    ('1 of 2 classes has no test examples: cat',)
    """
    if not dataset.label_names or dataset.tagged:
        return ()
    things = "classes" if dataset.class_names else "labels"
    places = {"train": "training", "test": "test"}
    notes = []
    for split, place in places.items():
        if split not in dataset.splits:
            continue
        counts = _counts(dataset.splits[split], len(dataset.label_names))
        names = [dataset.label_names[n] for n in np.flatnonzero(counts == 0)]
        if names:
            verb = "has" if len(names) == 1 else "have"
            notes.append(
                f"{len(names)} of {len(dataset.label_names)} {things} {verb} "
                f"no {place} examples: {listed(names)}"
            )
    return tuple(notes)


def _counts(source: Source, labels: int) -> np.ndarray:
    """How many examples of a source have each label."""
    if source.values is not None:
        return source.values.sum(axis=0)
    return np.bincount(source.labels, minlength=labels)


def _check_splits(dataset: Dataset, spec: str, scoring: bool) -> None:
    if not scoring and "train" not in dataset.splits:
        raise UserError(
            f"--dataset={spec} must have a train split, got "
            f"{', '.join(dataset.splits) or 'none'}: add one."
        )
    first = next(iter(dataset.splits))
    for split, source in dataset.splits.items():
        if not len(source):
            raise UserError(
                f"--dataset={spec} has no {split} examples: add data."
            )
        if source.spec != dataset.spec:
            raise UserError(
                f"The splits of --dataset={spec} must have the same inputs, "
                f"got {_kind(source.spec)} in {split} and "
                f"{_kind(dataset.spec)} in {first}: make them alike."
            )


def _kind(spec: InputSpec) -> str:
    if isinstance(spec, Mapping):
        return " and ".join(f"{k} of {_kind(v)}" for k, v in spec.items())
    return f"{'×'.join(map(str, spec.shape)) or 'one'} {spec.dtype.name}"


def _check_names(dataset: Dataset, spec: str) -> None:
    names = dataset.label_names
    if len(names) == 1 and dataset.label_kind == CLASSES:
        raise UserError(
            f"--dataset={spec} must have at least two classes, got only "
            f"{names[0]!r}: add data."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(
            f"--dataset={spec} must have different names for its classes, "
            f"got {twice!r} twice: rename one."
        )


def _check_trained_labels(dataset: Dataset) -> None:
    """Refuses a split that was given with a label that train lacks."""
    train = dataset.splits.get("train")
    if train is None or not dataset.class_names:
        return
    counts = np.bincount(train.labels, minlength=len(dataset.label_names))
    known = [dataset.label_names[n] for n in np.flatnonzero(counts)]
    for split, source in dataset.splits.items():
        if split != OUT_OF_SCOPE:
            missing = np.setdiff1d(source.labels, train.labels)
            if len(missing):
                name = dataset.label_names[missing[0]]
                raise unknown_label(name, known, f"The {split} split")


def _check_groups(dataset: Dataset) -> None:
    train = dataset.splits.get("train")
    for split, source in dataset.splits.items():
        if split == "train" or train is None:
            continue
        if train.groups is None or source.groups is None:
            continue
        shared = np.flatnonzero(np.isin(source.groups, train.groups))
        if len(shared):
            raise UserError(
                f"{len(shared)} of {len(source)} {split} examples belong to a "
                f"group of the training split, as "
                f"{source.name_of(int(shared[0]))}: put each group into one "
                "split."
            )


def _look_alike(dataset: Dataset) -> list[str]:
    pairs = [f"{a!r} and {b!r}" for a, b in alike(dataset.label_names)]
    if not pairs:
        return []
    things = "classes" if dataset.class_names else "labels"
    return [f"{things} that look alike are kept apart: {listed(pairs)}"]


def _doubtful_labels(dataset: Dataset) -> list[str]:
    """Notes on labels that contradict each other or are no classes."""
    if not dataset.label_names or dataset.tagged:
        return []
    notes = []
    for split, source in dataset.splits.items():
        if count := _contradictions(source):
            notes.append(
                f"{count:,} of {len(source):,} {split} examples have the same "
                "content as others of another label"
            )
    train = dataset.splits.get("train")
    classes = len(dataset.class_names)
    if train is not None and len(train) >= _MANY and 2 * classes > len(train):
        notes.append(
            f"{classes:,} classes for {len(train):,} examples: numbers that "
            "were measured cannot be learned as classes, but by "
            "--objective=regression"
        )
    return notes


def _contradictions(source: Source) -> int:
    """The number of examples whose content has several labels."""
    labels = source.labels.astype(np.uint64)
    if source.values is not None:
        labels = content_hashes(source.values)
    pairs = np.stack([source.hashes, labels], 1)
    contents, counts = np.unique(
        np.unique(pairs, axis=0)[:, 0], return_counts=True
    )
    return int(np.isin(source.hashes, contents[counts > 1]).sum())


def _check_inputs(source: Source, split: str, spec: str) -> list[str]:
    """Refuses inputs that are all the same, and notes constant ones."""
    if len(source) < 2 or isinstance(source.spec, Mapping):
        return []
    at = np.linspace(0, len(source) - 1, min(_SAMPLE, len(source)))
    sample = _gathered(source, at.astype(np.int64))
    if _all_equal(sample, sample) and _all_the_same(source, sample):
        raise UserError(
            f"All {len(source):,} {split} inputs of --dataset={spec} are the "
            f"same, as {source.name_of(0)}: nothing can be learned from them."
        )
    return _constant(sample, split) if sample.dtype.kind in "biuf" else []


def _constant(sample: np.ndarray, split: str) -> list[str]:
    if not np.isfinite(sample).all():
        raise UserError(
            f"The {split} inputs must be finite, got NaN or infinity: clean "
            "the data."
        )
    rows = sample.reshape(len(sample), -1)
    if rows.shape[1] < 2 or sample.ndim < 3:
        return []
    count = int((rows == rows[:, :1]).all(1).sum())
    if count * 2 <= len(rows):
        return []
    return [
        f"{count} of {len(rows)} {split} inputs that were looked at have the "
        "same value everywhere, as an image of one colour"
    ]


def _all_the_same(source: Source, sample: np.ndarray) -> bool:
    """Whether all inputs equal the first of a sample."""
    starts = range(0, len(source), _BATCH)
    ends = (min(start + _BATCH, len(source)) for start in starts)
    return all(
        _all_equal(_gathered(source, np.arange(start, end)), sample)
        for start, end in zip(starts, ends, strict=True)
    )


def _all_equal(rows: np.ndarray, first: np.ndarray) -> bool:
    return rows.shape[1:] == first.shape[1:] and bool((rows == first[0]).all())


def _gathered(source: Source, indices: np.ndarray) -> np.ndarray:
    return source.gather(tf.constant(indices, tf.int64)).numpy()
