"""What weights were trained on, for the runs that start from them."""

import dataclasses
import logging
import os
import pathlib
import zipfile
import zlib

import numpy as np

from keras_ptft.data.leakage.near_duplicates import HASH_BYTES, close
from keras_ptft.errors import UserError
from keras_ptft.files import replacing

_LOG = logging.getLogger("keras_ptft")

SEEN = "seen.npz"
# without the pictures a copy must be nearer: at 16 bits, some of MNIST's
# test images would pass as copies of training images
_MOST_BITS = 12


@dataclasses.dataclass(frozen=True)
class TrainingFingerprints:
    """Training examples, known by hashes alone.

    Attributes:
        contents: uint64 of shape (examples,), each once, sorted.
        hashes: uint8 of shape (images, 32), each once; none where they
            were not images, or no near copies were looked for.
    """

    contents: np.ndarray
    hashes: np.ndarray

    def union(
        self, contents: np.ndarray, hashes: np.ndarray
    ) -> "TrainingFingerprints":
        """With more examples."""
        return TrainingFingerprints(
            np.union1d(self.contents, contents),
            np.unique(np.concatenate([self.hashes, hashes]), axis=0),
        )

    def exact(self, contents: np.ndarray) -> np.ndarray:
        """Numbers of the examples whose content was seen."""
        return np.flatnonzero(np.isin(contents, self.contents))

    def near(self, hashes: np.ndarray) -> np.ndarray:
        """Numbers of the images whose hash is within 12 bits of one seen."""
        found = close(hashes, self.hashes, _MOST_BITS)
        numbers = [np.empty(0, np.int64), *(rows for rows, _, _ in found)]
        return np.unique(np.concatenate(numbers))


NOTHING = TrainingFingerprints(
    np.empty(0, np.uint64), np.empty((0, HASH_BYTES), np.uint8)
)


def write_seen(folder: str | os.PathLike, seen: TrainingFingerprints) -> None:
    """Writes seen.npz beside weights, whole or not at all.

    It takes 8 bytes an example, of images 40.
    """
    with replacing(pathlib.Path(folder) / SEEN) as partial:
        np.savez(partial, contents=seen.contents, hashes=seen.hashes)


def seen_by(weights: str | os.PathLike) -> TrainingFingerprints | None:
    """What weights were trained on, or None where it is not known.

    Args:
        weights: a file that `write_seen` may have written beside.

    Raises:
        UserError: what it wrote is damaged.
    """
    path = pathlib.Path(weights).with_name(SEEN)
    if not path.exists():
        _LOG.info(
            "The test split is not compared with what %s was trained on: "
            "there is no %s beside it.",
            *(weights, SEEN),
        )
        return None
    seen = _read(path)
    if seen is None or not _sound(seen):
        raise UserError(
            f"Cannot read {path}, expected what keras-ptft writes beside "
            "weights: pretrain again, or remove it to go on without."
        )
    return seen


def _read(path: pathlib.Path) -> TrainingFingerprints | None:
    try:
        # np.load leaves a file open that it cannot read
        with (
            open(path, "rb") as file,
            np.load(file, allow_pickle=False) as stored,
        ):
            return TrainingFingerprints(stored["contents"], stored["hashes"])
    except (OSError, ValueError, KeyError, zlib.error, zipfile.BadZipFile):
        return None


def _sound(seen: TrainingFingerprints) -> bool:
    return (
        (seen.contents.dtype, seen.contents.ndim) == (np.uint64, 1)
        and seen.hashes.dtype == np.uint8
        and seen.hashes.shape[1:] == (HASH_BYTES,)
    )
