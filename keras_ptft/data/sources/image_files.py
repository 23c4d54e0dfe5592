"""Image files as examples, decoded as they are read."""

import contextlib
import functools
import logging
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.account import LeftOut, left_out
from keras_ptft.data.core.dataset import Dataset, Loading, Source
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.core.info import DEFAULT_FORM, Color, ImageForm
from keras_ptft.data.images.faults import fault
from keras_ptft.data.images.formats import IMAGES, MOST_BYTES
from keras_ptft.data.images.gif import check_gif
from keras_ptft.data.images.headers import GRAPH_STARTS
from keras_ptft.data.images.reading import read_image, read_pixels
from keras_ptft.data.images.resize import encoding_of
from keras_ptft.data.sources.class_folders import ClassFiles
from keras_ptft.data.sources.decoded_images import (
    EncodedSource,
    decoded_once,
)
from keras_ptft.data.sources.file_tree import FileKind, relative
from keras_ptft.errors import UserError
from keras_ptft.streams import silenced_stderr


def _all_below(path: str) -> str:
    return f'--dataset="folder({path!r}, labels=False)"'


IMAGE_FILES = FileKind(
    "folder",
    "images",
    IMAGES,
    ", or name them and their labels in the columns file_name and label of a "
    "metadata.csv there, or in any table: --dataset=csv:TABLE "
    "--image_column=COLUMN; without labels, choose --objective=contrastive",
    _all_below,
)

_SIZE = 224
# files that are scanned one by one in less time than a pipeline takes to start
_FEW = 100
# files that take more than a few seconds
_MANY = 300

_LOG = logging.getLogger("keras_ptft")


class FolderSource(EncodedSource):
    """Image files, which are decoded each time they are gathered.

    Args:
        paths: one file an example.
        labels: integers of shape (examples,).
        hashes: uint64 of shape (examples,), of each file's bytes.
        size: side of the square images in pixels.
        form: the colour where an image is transparent, and how it becomes
            a square.
        groups: uint64 of shape (examples,), or None.
        kind: of all files, as `read_image` takes it.
    """

    def __init__(
        self,
        paths: Sequence[pathlib.Path],
        labels: np.ndarray,
        hashes: np.ndarray,
        size: int,
        form: ImageForm = DEFAULT_FORM,
        groups: np.ndarray | None = None,
        kind: bytes = b"",
    ) -> None:
        self.labels = np.asarray(labels, np.int64)
        self.hashes, self.groups = hashes, groups
        # the same files are other inputs on another colour, or cut
        self.encoding = bytes(form.background) + encoding_of(form.resize)
        self._image = tf.TensorSpec((size, size, 3), tf.uint8)
        self.spec = tf.TensorSpec(self._image.shape, tf.uint8, "image")
        self._read = partial(
            read_image, size=size, channels=3, form=form, kind=kind
        )
        self._names = tuple(paths)
        self._paths = _tensor(paths)

    def encoded(self, indices: tf.Tensor) -> tf.Tensor:
        paths = tf.gather(self._paths, indices)
        return tf.map_fn(tf.io.read_file, paths)

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(self._read, encoded, fn_output_signature=self._image)

    def name_of(self, index: int) -> str:
        return str(self._names[index])


def image_dataset(
    found: ClassFiles,
    groups: Mapping[str, np.ndarray | None],
    loading: Loading,
    test_fraction: float,
) -> Dataset:
    """Makes a data set of image files, all of which are tried.

    Args:
        found: the files.
        groups: split to the group of each of its files.
        loading: the settings of the run.
        test_fraction: fraction of the images held out for testing if there
            is no test split.

    Raises:
        UserError: an image that cannot be decoded, or a class without any
            that can.
    """
    every = [path for part in found.splits.values() for path in part.paths]
    if len(every) >= _MANY:
        _LOG.info("Reading %s images.", f"{len(every):,}")
    hashes, good, starts = _scan(every, loading.image_form.background)
    _check(every, good, loading.skip_bad_images)
    sources: dict[str, FolderSource] = {}
    unused: list[LeftOut] = []
    start = 0
    for split, part in found.splits.items():
        end = start + len(part.paths)
        kept = np.flatnonzero(good[start:end]).tolist()
        group = groups[split]
        sources[split] = FolderSource(
            [part.paths[index] for index in kept],
            part.labels[kept],
            hashes[start:end][kept],
            loading.image_size or _SIZE,
            loading.image_form,
            None if group is None else group[kept],
            _one_kind(starts[start:end][kept]),
        )
        if part.values is not None:
            sources[split].values = part.values[kept]
        if part.by is not None:
            sources[split].by = part.by[kept]
        unused += _unread(found, split, good[start:end])
        start = end
    _check_classes(sources, found.classes)
    cache = loading.cache
    return Dataset(
        sources if cache is None else decoded_once(sources, cache),
        found.names,
        test_fraction=test_fraction,
        image_form=loading.image_form,
        left_out=(*found.left_out, *unused),
        notes=found.notes,
        target_name=found.target_name,
    )


def _one_kind(starts: np.ndarray) -> bytes:
    """The one kind that graphs decode and all files are of, or nothing."""
    kinds = set(starts.tolist())
    return (
        kinds.pop() if len(kinds) == 1 and kinds <= set(GRAPH_STARTS) else b""
    )


def _scan(
    paths: Sequence[pathlib.Path], background: Color
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns each file's hash, whether it can be decoded, and its start."""
    hashes = np.zeros(len(paths), np.uint64)
    good = np.zeros(len(paths), bool)
    starts = np.zeros(len(paths), "S2")
    small = [n for n, p in enumerate(paths) if p.stat().st_size <= MOST_BYTES]
    scanned = _one_by_one if len(small) <= _FEW else _side_by_side
    # files that cannot be read are left out here, and stay bad; libraries
    # write about them to standard error
    with silenced_stderr():
        for index, hashed, pixels, start in scanned(paths, small, background):
            hashes[index], good[index] = hashed, pixels > 0
            starts[index] = start.numpy()
    return hashes, good, starts


def _one_by_one(
    paths: Sequence[pathlib.Path], chosen: Sequence[int], background: Color
) -> Iterator[tuple[Any, ...]]:
    scan = _scanner(background)
    for index in chosen:
        path = _tensor(paths[index : index + 1])[0]
        with contextlib.suppress(tf.errors.OpError):
            yield index, *scan(path)


def _side_by_side(
    paths: Sequence[pathlib.Path], chosen: Sequence[int], background: Color
) -> Iterator[tuple[Any, ...]]:
    scan, indices = _scanner(background), tf.constant(chosen, tf.int64)
    files = tf.data.Dataset.from_tensor_slices(
        (indices, tf.gather(_tensor(paths), indices))
    )

    @tf.autograph.experimental.do_not_convert
    def read(index: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return index, *scan(path)

    scanned = files.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return iter(scanned.ignore_errors())


@functools.cache
def _scanner(background: Color) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """Returns what is known of a file by its path; it is traced once."""

    def scan(path: tf.Tensor) -> tuple[tf.Tensor, ...]:
        encoded = tf.io.read_file(path)
        hashed = tf.numpy_function(_checked_hash, [encoded], tf.uint64)
        with tf.control_dependencies([hashed]):
            pixels = read_pixels(encoded, 3, background)
        return hashed, tf.size(pixels), tf.strings.substr(encoded, 0, 2)

    with tf.init_scope():
        graph = tf.function(scan, autograph=False)
        return graph.get_concrete_function(tf.TensorSpec((), tf.string))


def _checked_hash(encoded: bytes) -> np.uint64:
    """Hashes a file; raises ValueError before a GIF takes all memory."""
    return content_hash(check_gif(encoded))


def _check(paths: Sequence[pathlib.Path], good: np.ndarray, skip: bool) -> None:
    if good.all() or skip:
        return
    first, count = paths[int(np.argmin(good))], int((~good).sum())
    raise UserError(
        f"Cannot decode {first}, {fault(first)} ({count} of {len(paths)} "
        "images): replace it, or leave such images out by --skip_bad_images."
    )


def _unread(
    found: ClassFiles, split: str, good: np.ndarray
) -> tuple[LeftOut, ...]:
    part = found.splits[split]
    bad = np.flatnonzero(~good).tolist()
    names = found.classes
    classes = [names[n] for n in part.labels[bad]] if names else []
    return left_out(
        "that cannot be decoded",
        [relative(part.paths[index], found.root) for index in bad],
        split=part.given,
        classes=classes,
    )


def _check_classes(
    sources: Mapping[str, Source], names: tuple[str, ...]
) -> None:
    if not names or "train" not in sources:
        return
    counts = np.bincount(sources["train"].labels, minlength=len(names))
    if not counts.all():
        raise UserError(
            f"Class {names[int(np.argmin(counts))]!r} has no image that can "
            "be decoded: add some or leave the class out."
        )


def _tensor(paths: Sequence[pathlib.Path]) -> tf.Tensor:
    with tf.device("CPU:0"):
        return tf.constant([os.fsencode(path) for path in paths], tf.string)
