"""The images of a prepared TFDS split, decoded once into one array."""

import errno
import logging
import math
import os
import pathlib
import re
import shutil
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.hashing import content_hashes
from keras_ptft.data.core.info import STRETCH
from keras_ptft.data.images.resize import encoding_of, resize_images
from keras_ptft.files import replacing

logger = logging.getLogger("keras_ptft")

MEMORY_LIMIT = 4 * 2**30
_BATCH = 256


def read_split(
    builder: Any,
    split: str,
    shape: tuple[int, int, int],
    resize: str = STRETCH,
    *,
    labelled: bool = True,
    memory_limit: int = MEMORY_LIMIT,
) -> ArraySource:
    """Decodes a prepared split once, for random access.

    Args:
        builder: a prepared `tfds.core.DatasetBuilder`.
        split: its name.
        shape: (size, size, channels) to resize to, or the stored shape.
        resize: how images become squares, an entry of `RESIZES`.
        labelled: whether each image has a class.
        memory_limit: bytes of images above which they are written to a
            file beside the prepared data and mapped from there.

    Returns:
        The images, with hashes of those that are stored.

    Raises:
        UserError: that file cannot be written.
    """
    row = np.dtype([("image", "u1", shape), ("hash", "u8"), ("label", "i8")])
    count = builder.info.splits[split].num_examples
    rows: Any
    if count * math.prod(shape) <= memory_limit:
        rows = {key: np.empty(count, row[key]) for key in row.names or ()}
        _fill(rows, _batches(builder, split, shape, resize, labelled))
    else:
        file = _decoded_file(builder, split, shape, resize)
        if not file.exists():
            batches = _batches(builder, split, shape, resize, labelled)
            _write(file, row, count, batches)
        rows = np.load(file, mmap_mode="r")
    source = ArraySource(
        rows["image"], np.array(rows["label"]), np.array(rows["hash"])
    )
    source.encoding = encoding_of(resize)
    return source


def _decoded_file(
    builder: Any, split: str, shape: tuple[int, int, int], resize: str
) -> pathlib.Path:
    size = "x".join(map(str, shape))
    cut = "" if resize == STRETCH else re.sub(r"[^\w.]+", "-", f"-{resize}")
    return pathlib.Path(builder.data_path, f"decoded-{split}-{size}{cut}.npy")


def _batches(
    builder: Any,
    split: str,
    shape: tuple[int, int, int],
    resize: str,
    labelled: bool,
) -> Iterable[tuple]:
    """Yields stored images, resized images and labels, in stored order."""
    stored = tuple(builder.info.features["image"].shape)

    def sized(batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        images = batch["image"]
        none = tf.zeros(tf.shape(images)[:1], tf.int64)
        labels = batch["label"] if labelled else none
        if stored == shape:
            return images, images, labels
        return images, resize_images(images, shape[0], resize), labels

    examples = builder.as_dataset(split=split, shuffle_files=False)
    batches = examples.batch(1 if None in stored else _BATCH).map(
        sized, num_parallel_calls=tf.data.AUTOTUNE
    )
    return batches.prefetch(tf.data.AUTOTUNE).as_numpy_iterator()


def _fill(rows: Any, batches: Iterable[tuple]) -> None:
    start = 0
    for stored, images, labels in batches:
        part = slice(start, start + len(labels))
        rows["image"][part] = images
        rows["hash"][part] = content_hashes(stored)
        rows["label"][part] = labels
        start += len(labels)


def _write(
    file: pathlib.Path, row: np.dtype, count: int, batches: Iterable[tuple]
) -> None:
    logger.info("Decoding %d images into %s.", count, file)
    with replacing(file) as partial:
        if shutil.disk_usage(file.parent).free < count * row.itemsize:
            # writing to a map without disk space kills the process
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rows = np.lib.format.open_memmap(partial, "w+", row, (count,))
        _fill(rows, batches)
        rows.flush()
