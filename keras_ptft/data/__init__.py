"""Where examples come from and how they become batches."""

import logging
import time
from collections.abc import Callable

from keras_ptft.data.core.dataset import Dataset, Loading, Source, check_labels
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
    """Loads a data set by the text that names it.

    Args:
        spec: a row of DATASETS with its settings, as "digits" or
            "folder:photos".
        loading: what a run tells any data set.

    Returns:
        Data set with splits "train" and "test", neither of them empty, and
        "validation" where the data came with one. Without label names it is
        unlabelled.

    Raises:
        UserError: an unknown data set or setting, or data that cannot be
            used.

    Example:

    >>> load("digits", Loading(image_size=28)).spec.shape
    TensorShape([28, 28, 1])
    """
    started = time.perf_counter()
    dataset = lookup(DATASETS, spec, "dataset")(loading)
    _check(dataset, spec)
    seconds = time.perf_counter() - started
    if seconds > 1:
        sizes = (f"{len(part)} {key}" for key, part in dataset.splits.items())
        logger.info("Loaded %s in %.1f s: %s.", spec, seconds, ", ".join(sizes))
    return dataset


def _check(dataset: Dataset, spec: str) -> None:
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
        if dataset.label_names and split != "outside":
            check_labels(source.labels, dataset.label_names)
