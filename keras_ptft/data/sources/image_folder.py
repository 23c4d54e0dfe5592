"""Images in class folders, decoded as they are needed."""

import logging
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.images.decoding import (
    IMAGES,
    MOST_BYTES,
    check_gif,
    decode_pixels,
    fault,
    quiet,
)
from keras_ptft.data.images.resize import decode_image
from keras_ptft.data.sources.class_folders import ClassFiles, class_files
from keras_ptft.data.sources.split_discovery import with_test
from keras_ptft.errors import UserError

logger = logging.getLogger("keras_ptft")

_SIZE = 224


class FolderSource:
    """Image files, read and decoded whenever they are all_gather.

    Args:
        paths: one file an example.
        labels: integers of shape (examples,).
        hashes: uint64 of shape (examples,), of each file's bytes.
        size: side of the square images in pixels.
    """

    def __init__(
        self,
        paths: Sequence[pathlib.Path],
        labels: np.ndarray,
        hashes: np.ndarray,
        size: int,
    ) -> None:
        self.labels = np.asarray(labels, np.int64)
        self.hashes = hashes
        self.spec = tf.TensorSpec((size, size, 3), tf.uint8, "image")
        self.paths = tuple(paths)
        self._paths = _tensor(paths)

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Images, uint8 of shape (batch, size, size, 3)."""
        return tf.map_fn(
            lambda path: decode_image(
                tf.io.read_file(path), self.spec.shape[0], 3
            ),
            tf.gather(self._paths, indices),
            fn_output_signature=tf.TensorSpec(self.spec.shape, tf.uint8),
        )


def folder(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Class folders of JPEG, PNG, BMP or GIF files.

    The folder holds one folder a class, split by the content of the files,
    or train/ with test/ or val/ (validation/) beside it, each with one
    folder a class. Images become squares of the image size, 224 unless set;
    of photographs that say how they are to be shown (EXIF), upright ones.
    Those of more than 100 million pixels are not decoded.

    Args:
        loading: what a run tells any data set.
        path: the folder.
        test_fraction: share of the images held out for testing where there
            is no test/.

    Raises:
        UserError: no such folder, fewer than two classes, a class without
            images, or an image that cannot be decoded.
    """
    files, names = class_files(path, "folder", IMAGES, "images")
    sources = _sources(files, loading)
    _check_classes(sources, names)
    return with_test(sources, names, test_fraction)


def _sources(
    files: Mapping[str, ClassFiles], loading: Loading
) -> dict[str, FolderSource]:
    size = loading.image_size or _SIZE
    every = [path for paths, _ in files.values() for path in paths]
    hashes, good = _scan(every)
    _report_bad(every, good, loading.skip_bad_images)
    sources, start = {}, 0
    for split, (paths, labels) in files.items():
        place = slice(start, start + len(paths))
        kept = np.flatnonzero(good[place])
        sources[split] = FolderSource(
            [paths[number] for number in kept],
            labels[kept],
            hashes[place][kept],
            size,
        )
        start += len(paths)
    return sources


def _scan(paths: Sequence[pathlib.Path]) -> tuple[np.ndarray, np.ndarray]:
    """Each file's hash, and whether training will be able to decode it."""

    def read(number, path):
        encoded = tf.io.read_file(path)
        hashed = tf.numpy_function(_examined, [encoded], tf.uint64)
        with tf.control_dependencies([hashed]):
            pixels = decode_pixels(encoded, 3)
        return number, hashed, tf.size(pixels)

    hashes = np.zeros(len(paths), np.uint64)
    good = np.zeros(len(paths), bool)
    fit = [n for n, p in enumerate(paths) if p.stat().st_size <= MOST_BYTES]
    numbers = tf.constant(fit, tf.int64)
    files = tf.data.Dataset.from_tensor_slices(
        (numbers, tf.gather(_tensor(paths), numbers))
    )
    read_files = files.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    # a file that cannot be read drops out here, and stays bad
    with quiet():
        for number, hashed, pixels in read_files.ignore_errors():
            hashes[number], good[number] = hashed, pixels > 0
    return hashes, good


def _examined(encoded: bytes) -> np.uint64:
    """A file's hash; raises ValueError before a GIF takes all memory."""
    return content_hash(check_gif(encoded))


def _report_bad(
    paths: Sequence[pathlib.Path], good: np.ndarray, skip: bool
) -> None:
    if good.all():
        return
    first, count = paths[int(np.argmin(good))], int((~good).sum())
    if not skip:
        raise UserError(
            f"Cannot decode {first}, {fault(first)} ({count} of {len(paths)} "
            "images): replace it, or leave such images out by "
            "--skip_bad_images."
        )
    logger.warning(
        "Left out %d of %d images that cannot be decoded, the first is %s.",
        count,
        len(paths),
        first,
    )


def _check_classes(
    sources: Mapping[str, FolderSource], names: tuple[str, ...]
) -> None:
    counts = np.bincount(sources["train"].labels, minlength=len(names))
    if not counts.all():
        raise UserError(
            f"Class {names[int(np.argmin(counts))]!r} has no image that can "
            "be decoded: add some or remove its folder."
        )


def _tensor(paths: Sequence[pathlib.Path]) -> tf.Tensor:
    with tf.device("CPU:0"):
        return tf.constant([os.fsencode(path) for path in paths], tf.string)
