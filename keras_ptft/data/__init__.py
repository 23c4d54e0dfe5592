"""Data sets, and how examples become batches."""

import logging
import time
from collections.abc import Callable

from keras_ptft.data.core.dataset import (
    OUT_OF_SCOPE,
    Dataset,
    Loading,
    Source,
    check_labels,
)
from keras_ptft.data.sources import (
    arrays,
    conll,
    image_folder,
    npz,
    tables,
    text_folder,
    text_lines,
    text_tables,
    tfds,
)
from keras_ptft.errors import UserError
from keras_ptft.registry import lookup

__all__ = ["DATASETS", "Dataset", "Loading", "Source", "load"]

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
    "textfolder": text_folder.textfolder,
    "lines": text_lines.lines,
    "text": text_lines.text,
    "conll": conll.conll,
}


def load(spec: str, loading: Loading) -> Dataset:
    """Loads a data set by name.

    Args:
        spec: a row of DATASETS with its settings, as "digits" or
            "folder:photos".
        loading: the settings of the run.

    Returns:
        Data set with splits "train" and "test", neither of them empty, and
        "validation" if the data came with one. Without label names it is
        unlabelled.

    Raises:
        UserError: an unknown data set or setting, or unusable data.

    Example:

    >>> load("digits", Loading(image_size=28)).spec.shape
    TensorShape([28, 28, 1])
    """
    started = time.perf_counter()
    dataset = lookup(DATASETS, spec, "dataset")(loading)
    checked(dataset, spec)
    seconds = time.perf_counter() - started
    if seconds > 1:
        sizes = (f"{len(part)} {key}" for key, part in dataset.splits.items())
        logger.info("Loaded %s in %.1f s: %s.", spec, seconds, ", ".join(sizes))
    return dataset


def checked(dataset: Dataset, spec: str) -> Dataset:
    """Returns a data set if a model can be trained and tested on it.

    Args:
        dataset: with splits "train" and "test".
        spec: how the user named it, for errors.

    Raises:
        UserError: a split is missing or empty, one class, or labels without
            a name.
    """
    for split in ("train", "test"):
        if split not in dataset.splits:
            raise UserError(
                f"--dataset={spec} must have a {split} split, got "
                f"{', '.join(dataset.splits) or 'none'}: add one."
            )
    if len(dataset.label_names) == 1:
        raise UserError(
            f"--dataset={spec} must have at least two classes, got "
            f"{dataset.label_names[0]}: add data."
        )
    for split, source in dataset.splits.items():
        if not len(source):
            raise UserError(
                f"--dataset={spec} has no {split} examples: add data, or "
                "change test_fraction."
            )
        if dataset.label_names and split != OUT_OF_SCOPE:
            check_labels(source.labels, dataset.label_names)
    return dataset
