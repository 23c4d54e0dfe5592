"""What weights were trained on, for the runs that start from them."""

import dataclasses
import logging
import os
import pathlib
import zipfile
import zlib

import numpy as np

from keras_ptft.data.leakage.near_duplicates import HASH_BYTES, pairs_within
from keras_ptft.errors import UserError
from keras_ptft.files import replacing

logger = logging.getLogger("keras_ptft")

SEEN = "seen.npz"
# without thumbnails the limit is lower: at 16 bits, some of MNIST's test
# images would count as near duplicates of training images
_MAX_BITS = 12


@dataclasses.dataclass(frozen=True)
class TrainingFingerprints:
    """Training examples, known by their hashes.

    Attributes:
        contents: uint64 of shape (examples,), sorted and unique.
        hashes: uint8 of shape (images, 32), unique; empty where examples
            are not images, or near duplicates are not searched.
    """

    contents: np.ndarray
    hashes: np.ndarray

    def union(
        self, contents: np.ndarray, hashes: np.ndarray
    ) -> "TrainingFingerprints":
        """Returns the fingerprints of these and more examples."""
        return TrainingFingerprints(
            np.union1d(self.contents, contents),
            np.unique(np.concatenate([self.hashes, hashes]), axis=0),
        )

    def exact(self, contents: np.ndarray) -> np.ndarray:
        """Returns the indices of the contents that are among these."""
        return np.flatnonzero(np.isin(contents, self.contents))

    def near(self, hashes: np.ndarray) -> np.ndarray:
        """Returns the indices of the hashes within 12 bits of one of these."""
        pairs = pairs_within(hashes, self.hashes, _MAX_BITS)
        indices = [np.empty(0, np.int64), *(found[:, 0] for found in pairs)]
        return np.unique(np.concatenate(indices))


EMPTY = TrainingFingerprints(
    np.empty(0, np.uint64), np.empty((0, HASH_BYTES), np.uint8)
)


def write_seen(folder: str | os.PathLike, seen: TrainingFingerprints) -> None:
    """Writes seen.npz beside weights, atomically.

    It takes 8 bytes an example, 40 bytes an image.
    """
    with replacing(pathlib.Path(folder) / SEEN) as partial:
        np.savez(partial, contents=seen.contents, hashes=seen.hashes)


def seen_by(weights: str | os.PathLike) -> TrainingFingerprints | None:
    """Reads what weights were trained on.

    Args:
        weights: a file that `write_seen` may have written beside.

    Returns:
        The fingerprints, or None where there are none.

    Raises:
        UserError: a damaged file.
    """
    path = pathlib.Path(weights).with_name(SEEN)
    if not path.exists():
        logger.info(
            "The test split is not compared with what %s was trained on: "
            "there is no %s beside it.",
            weights,
            SEEN,
        )
        return None
    seen = _read(path)
    if seen is None:
        raise UserError(
            f"Cannot read {path}, expected what keras-ptft writes beside "
            "weights: pretrain again, or remove it to skip the comparison."
        )
    return seen


def _read(path: pathlib.Path) -> TrainingFingerprints | None:
    try:
        # np.load does not close a file that it cannot read
        with (
            open(path, "rb") as file,
            np.load(file, allow_pickle=False) as stored,
        ):
            contents, hashes = stored["contents"], stored["hashes"]
    except (
        EOFError,
        OSError,
        ValueError,
        KeyError,
        zlib.error,
        zipfile.BadZipFile,
    ):
        return None
    valid = (
        (contents.dtype, contents.ndim) == (np.uint64, 1)
        and hashes.dtype == np.uint8
        and hashes.shape[1:] == (HASH_BYTES,)
    )
    return TrainingFingerprints(contents, hashes) if valid else None
