"""Data sets, and how examples become batches."""

import dataclasses
import logging
import os
import time
from collections.abc import Callable

from keras_ptft.data.core.checks import check
from keras_ptft.data.core.dataset import Dataset, Loading, Source
from keras_ptft.data.core.folds import check_folds, hold_out_fold
from keras_ptft.data.core.splits import hold_out_test
from keras_ptft.data.core.targets import CLASSES, NUMBERS
from keras_ptft.data.sources import (
    arrays,
    conll,
    image_folder,
    npz,
    parquet,
    tables,
    text_folder,
    text_lines,
    text_tables,
    tfds,
)
from keras_ptft.errors import UserError
from keras_ptft.files import check_here
from keras_ptft.registry import BoundFactory, lookup

__all__ = [
    "DATASETS",
    "Dataset",
    "Loading",
    "Source",
    "checked",
    "load",
    "named",
]

logger = logging.getLogger("keras_ptft")

DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": arrays.digits,
    "mnist": tfds.mnist,
    "fashion_mnist": tfds.fashion_mnist,
    "tfds": tfds.tfds,
    "folder": image_folder.folder,
    "npz": npz.npz,
    "csv": tables.table,
    "tsv": text_tables.tsv,
    "jsonl": text_tables.jsonl,
    "parquet": parquet.parquet,
    "textfolder": text_folder.textfolder,
    "lines": text_lines.lines,
    "text": text_lines.text,
    "conll": conll.conll,
}


def named(spec: str) -> BoundFactory:
    """Returns the row of DATASETS that a setting names, with its settings.

    Args:
        spec: as in `load`.

    Raises:
        UserError: an unknown data set or setting, or a path without the row
            that reads it.
    """
    if spec not in DATASETS and (row := _row_of_path(spec)):
        raise UserError(
            f"--dataset={spec} is a path, expected what reads it before it: "
            f"write --dataset={row}:{spec}."
        )
    return lookup(DATASETS, spec, "dataset")


def _row_of_path(spec: str) -> str:
    """The row that reads a path alone; empty: it is none, or not known."""
    path = os.path.expanduser(spec)
    if os.path.isdir(path):
        return "folder"
    ending = os.path.splitext(path)[1][1:].lower()
    # "csv:wines.csv" is no path alone, if no file is called so
    is_path = os.path.lexists(path) or not {":", "("} & {*spec}
    return ending if is_path and ending in DATASETS else ""


def load(spec: str, loading: Loading) -> Dataset:
    """Loads a data set by name.

    Args:
        spec: a row of DATASETS with its settings, as "digits" or
            "folder:photos".
        loading: the settings of the run.

    Returns:
        Data set with splits "train" and "test", and "validation" if the data
        came with one. Without label names it is unlabelled.

    Raises:
        UserError: an unknown data set or setting, or unusable data.

    Example:

    >>> load("digits", Loading(image_size=28)).spec.shape
    TensorShape([28, 28, 1])
    """
    # before what may take minutes
    check_folds(loading.folds, loading.fold)
    started = time.perf_counter()
    check_here(spec, "dataset")
    dataset = checked(named(spec)(loading), spec, loading)
    seconds = time.perf_counter() - started
    if seconds > 1:
        logger.info("Loaded %s in %.1f s.", spec, seconds)
    return dataset


def checked(dataset: Dataset, spec: str, loading: Loading) -> Dataset:
    """Passes a data set that was loaded or handed over, if it is usable.

    All data sets come through here: what is checked is checked for all.

    Args:
        dataset: as a row of DATASETS returns it.
        spec: how the user named it, for errors.
        loading: the settings of the run.

    Returns:
        The data set with a test split, and its examples counted.

    Raises:
        UserError: see `keras_ptft.data.core.checks.check`.
    """
    if not isinstance(dataset, Dataset):
        raise UserError(
            f"--dataset={spec} must be a keras_ptft.Dataset, got "
            f"{type(dataset).__name__}: make one of keras_ptft.ArraySource."
        )
    found = sum(len(part) for part in dataset.splits.values())
    found += sum(part.count for part in dataset.left_out)
    dataset = dataclasses.replace(dataset, found=found)
    if loading.as_test and "test" not in dataset.splits:
        dataset = _as_test(dataset, spec)
    _check_grouped(dataset, spec, loading)
    _check_kind(dataset, spec, loading)
    dataset = check(dataset, spec, scoring=loading.scoring)
    if "train" not in dataset.splits:
        return dataset
    dataset = hold_out_fold(
        dataset, loading.folds, loading.fold, seed=loading.split_seed
    )
    dataset = hold_out_test(
        dataset, stratify=loading.stratify, seed=loading.split_seed
    )
    for split, source in dataset.splits.items():
        if not len(source):
            raise UserError(
                f"--dataset={spec} has no {split} examples: add data, or "
                "change test_fraction."
            )
    return dataset


def _as_test(dataset: Dataset, spec: str) -> Dataset:
    """The data set with its one split for testing."""
    if len(dataset.splits) > 1:
        raise UserError(
            f"--dataset={spec} must come in one piece or have a test split to "
            f"be scored, got {' and '.join(dataset.splits)}: give the one to "
            "score."
        )
    (source,) = dataset.splits.values()
    return dataclasses.replace(dataset, splits={"test": source})


def _check_kind(dataset: Dataset, spec: str, loading: Loading) -> None:
    """Refuses labels of another kind than the objective learns."""
    wanted, found = loading.label_kind, dataset.label_kind
    if wanted in (CLASSES, found):
        return
    what = "a number" if wanted == NUMBERS else "a set of labels"
    has = found
    if found == CLASSES and not dataset.label_names:
        has = "no labels"
    raise UserError(
        f"The objective learns {what} an example, and --dataset={spec} has "
        f"{has}: give a table, an npz file or a data set of your own that has "
        "them."
    )


def _check_grouped(dataset: Dataset, spec: str, loading: Loading) -> None:
    """Refuses groups, and values of a column, that a data set has not."""
    grouped = all(part.groups is not None for part in dataset.splits.values())
    for name in ("group_column", "group_pattern"):
        if getattr(loading, name) and not grouped:
            raise UserError(
                f"--{name}={getattr(loading, name)} needs a table or files "
                f"with names, and --dataset={spec} has none: leave it out."
            )
    asked = loading.by_column
    if asked and any(part.by is None for part in dataset.splits.values()):
        raise UserError(
            f"Column {asked!r} needs a table that has it, and "
            f"--dataset={spec} is none: leave it out."
        )
