"""Images in class folders, decoded as they are read."""

import logging
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Dataset, Loading, Source
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.images.decoding import (
    IMAGES,
    MOST_BYTES,
    check_gif,
    decode_pixels,
    fault,
)
from keras_ptft.data.images.resize import decode_image
from keras_ptft.data.sources.class_folders import ClassFiles, class_files
from keras_ptft.data.sources.split_discovery import with_test
from keras_ptft.errors import UserError
from keras_ptft.streams import silenced_stderr

logger = logging.getLogger("keras_ptft")

_SIZE = 224


class FolderSource(Source):
    """Image files, which are decoded each time they are gathered.

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
        self._image = tf.TensorSpec((size, size, 3), tf.uint8)
        self.spec = tf.TensorSpec(self._image.shape, tf.uint8, "image")
        self._size = size
        self._names = tuple(paths)
        self._paths = _tensor(paths)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(
            lambda path: decode_image(tf.io.read_file(path), self._size, 3),
            tf.gather(self._paths, indices),
            fn_output_signature=self._image,
        )

    def name_of(self, index: int) -> str:
        return str(self._names[index])


def folder(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Class folders of JPEG, PNG, BMP or GIF files.

    The folder holds one folder per class, split by the content of the
    files, or train/ with test/ or val/ (validation/) beside it, each with
    one folder per class. Images become squares of the image size, 224
    unless set; photographs are rotated upright as their EXIF says. Those of
    more than 100 million pixels are not decoded.

    Args:
        loading: the settings of the run.
        path: the folder.
        test_fraction: fraction of the images held out for testing if there
            is no test/.

    Raises:
        UserError: no such folder, fewer than two classes, a class without
            images, or an image that cannot be decoded.
    """
    files, names = class_files(path, "folder", IMAGES, "images")
    sources = _sources(files, loading)
    counts = np.bincount(sources["train"].labels, minlength=len(names))
    if not counts.all():
        raise UserError(
            f"Class {names[int(np.argmin(counts))]!r} has no image that can "
            "be decoded: add some or remove its folder."
        )
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
        kept = np.flatnonzero(good[start : start + len(paths)])
        sources[split] = FolderSource(
            [paths[index] for index in kept],
            labels[kept],
            hashes[start + kept],
            size,
        )
        start += len(paths)
    return sources


def _scan(paths: Sequence[pathlib.Path]) -> tuple[np.ndarray, np.ndarray]:
    """Returns each file's hash, and whether training can decode it."""

    def read(index: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, ...]:
        encoded = tf.io.read_file(path)
        hashed = tf.numpy_function(_checked_hash, [encoded], tf.uint64)
        with tf.control_dependencies([hashed]):
            pixels = decode_pixels(encoded, 3)
        return index, hashed, tf.size(pixels)

    hashes = np.zeros(len(paths), np.uint64)
    good = np.zeros(len(paths), bool)
    small = [n for n, p in enumerate(paths) if p.stat().st_size <= MOST_BYTES]
    indices = tf.constant(small, tf.int64)
    files = tf.data.Dataset.from_tensor_slices(
        (indices, tf.gather(_tensor(paths), indices))
    )
    decoded = files.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    # files that cannot be read are left out here, and stay bad; libjpeg
    # writes about them to standard error
    with silenced_stderr():
        for index, hashed, pixels in decoded.ignore_errors():
            hashes[index], good[index] = hashed, pixels > 0
    return hashes, good


def _checked_hash(encoded: bytes) -> np.uint64:
    """Hashes a file; raises ValueError before a GIF takes all memory."""
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


def _tensor(paths: Sequence[pathlib.Path]) -> tf.Tensor:
    with tf.device("CPU:0"):
        return tf.constant([os.fsencode(path) for path in paths], tf.string)
