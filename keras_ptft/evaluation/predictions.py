"""What a classifier predicted, stored once."""

import logging
import os
import pathlib
import zipfile
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from keras_ptft import files
from keras_ptft.errors import UserError

_LOG = logging.getLogger("keras_ptft")

PREDICTIONS_FILE = "predictions.npz"

_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    zlib.error,
    zipfile.BadZipFile,
)
# 200 MB
_MOST_NUMBERS = 50_000_000


class Predictions(NamedTuple):
    """The predictions of a split, an example a row.

    Attributes:
        logits: as the model gives them, which no temperature divides,
            float32 of shape (examples, classes).
        labels: the true classes, int64 of shape (examples,).
        hashes: of each example's stored content, uint64 of shape
            (examples,).
    """

    logits: np.ndarray
    labels: np.ndarray
    hashes: np.ndarray


def write_predictions(
    folder: str | os.PathLike, splits: Mapping[str, Predictions]
) -> None:
    """Writes `predictions.npz`, whole or not at all.

    A split of more than 50 million logits is left out, which is said. The
    same predictions are the same bytes.

    Args:
        folder: the run folder.
        splits: split to its predictions; of none, no file is written.

    Raises:
        UserError: the file cannot be written.
    """
    arrays = {}
    for split, found in splits.items():
        if found.logits.size > _MOST_NUMBERS:
            _LOG.info(
                "The predictions of the %s split are not stored: %d examples "
                "of %d classes are more than %d numbers.",
                split,
                *found.logits.shape,
                _MOST_NUMBERS,
            )
            continue
        for name, array in found._asdict().items():
            arrays[f"{split}_{name}"] = array
    if arrays:
        path = pathlib.Path(folder) / PREDICTIONS_FILE
        with files.replacing(path) as partial:
            np.savez(partial, **arrays)


def read_predictions(folder: str | os.PathLike) -> dict[str, Predictions]:
    """Reads what `write_predictions` wrote, by split.

    Args:
        folder: a run folder.

    Raises:
        UserError: there is no such file, or it cannot be read.
    """
    path = pathlib.Path(folder) / PREDICTIONS_FILE
    try:
        with open(path, "rb") as file, np.load(file) as stored:
            splits = [
                name.removesuffix("_logits")
                for name in stored.files
                if name.endswith("_logits")
            ]
            return {
                split: Predictions(
                    *(stored[f"{split}_{name}"] for name in Predictions._fields)
                )
                for split in splits
            }
    except _UNREADABLE as error:
        raise UserError(
            f"Cannot read {path}, expected the predictions of a classifier: "
            "run its stage again under another --name."
        ) from error
