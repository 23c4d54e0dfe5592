"""Features on disk: shared by runs, checked when read, bounded in size."""

import contextlib
import hashlib
import logging
import math
import os
import pathlib
import re
import shutil
import time
import zlib
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft import files
from keras_ptft.data.core.dataset import Source, fingerprint
from keras_ptft.data.images.decoding import PREPROCESSING_VERSION
from keras_ptft.data.pipeline.epoch_views import Augmented
from keras_ptft.errors import UserError
from keras_ptft.transfer import audit

_LOG = logging.getLogger("keras_ptft")

_ENTRY = re.compile(r"(\.partial-\d+-)?[0-9a-f]{32}\.features")
_CHECKSUM = 4
# a file that is being written is younger, one that a kill left is not
_ABANDONED = 3600.0
_PROBES = 16


def keys_of(prefix: keras.Model, sources: Iterable[Source]) -> list[str]:
    """Hex digest, a source, of all that decides a frozen model's features.

    These are its configuration, which holds the scaling of the input and
    the precision of each layer, its weights, the versions of Keras and
    TensorFlow, the examples with their order and labels, the augmentation,
    the version of the preprocessing, and the pixels of some examples, since
    hashes know files as they were stored.
    """
    digest = hashlib.blake2b(digest_size=16)
    versions = keras.__version__, tf.__version__, PREPROCESSING_VERSION
    facts = *versions, prefix.to_json()
    digest.update(f"{facts} {audit.fingerprint(prefix)}\n".encode())
    return [_key(digest.copy(), source) for source in sources]


def _key(digest: Any, source: Source) -> str:
    shown = ()
    if isinstance(source, Augmented):
        shown = source.setting, source.seed, source.epoch
    digest.update(f"{fingerprint(source)} {shown}\n".encode())
    if len(source):
        some = np.linspace(0, len(source) - 1, _PROBES).astype(np.int64)
        digest.update(source.gather(tf.constant(some)).numpy().tobytes())
    return digest.hexdigest()


def entry_bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Size of an entry on disk.

    Example:

    >>> entry_bytes((10, 3), np.float32)
    124
    """
    return math.prod(shape) * np.dtype(dtype).itemsize + _CHECKSUM


class FeatureCache:
    """A folder of entries, each there whole or not at all.

    An entry is the bytes of its rows in order, then a checksum of its key
    and of these. Its shape and dtype follow from what the key stands for.
    Several processes may share the folder: a mapped entry stays readable
    when another process removes it.

    Args:
        folder: where entries are; made when the first is written.
        limit: most bytes that all entries together may take.

    Example:

    >>> import tempfile
    >>> cache = FeatureCache(tempfile.mkdtemp(), limit=1e6)
    >>> cache.write("0" * 32, [np.eye(2), np.ones((1, 2))])
    >>> cache.read("0" * 32, (3, 2), np.float64).tolist()
    [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, folder: str | os.PathLike, limit: float) -> None:
        self.folder = pathlib.Path(folder)
        self.limit = limit

    def __str__(self) -> str:
        return str(self.folder)

    def read(
        self, key: str, shape: tuple[int, ...], dtype: np.dtype
    ) -> np.memmap | None:
        """Rows mapped from disk, or None; a damaged entry is removed.

        Args:
            key: of the entry, 32 hex digits.
            shape: (examples, ...) as it was written.
            dtype: likewise, bfloat16 too.
        """
        path = self._path(key)
        try:
            whole = path.stat().st_size == entry_bytes(shape, dtype)
            content = np.memmap(path, np.uint8, "r") if whole else None
        except OSError:
            return None
        if content is None or _checksum(key, content[:-_CHECKSUM]) != (
            content[-_CHECKSUM:].tobytes()
        ):
            _LOG.warning("%s is damaged: it is computed anew.", path)
            _remove(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return content[:-_CHECKSUM].view(dtype).reshape(shape)

    def write(self, key: str, parts: Iterable[np.ndarray]) -> None:
        """Writes an entry, whole or not at all.

        Args:
            key: of the entry, 32 hex digits.
            parts: its rows, some at a time.

        Raises:
            UserError: the folder or the file cannot be written.
        """
        path = self._path(key)
        with files.replacing(path) as partial, open(partial, "wb") as file:
            running = _seed(key)
            for part in parts:
                content = part.tobytes()
                running = zlib.crc32(content, running)
                file.write(content)
            file.write(running.to_bytes(_CHECKSUM, "little"))

    def make_room(self, needed: int, keep: Collection[str] = ()) -> None:
        """Removes entries, the least recently used first, until bytes fit.

        Args:
            needed: bytes that are to be written.
            keep: keys of entries that must stay.

        Raises:
            UserError: the folder cannot be used, or the disk is too full.
        """
        kept = {self._path(key) for key in keep}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            entries = sorted(self._entries())
            excess = sum(size for _, size, _ in entries) + needed - self.limit
            for _, size, path in entries:
                if excess > 0 and path not in kept:
                    _remove(path)
                    excess -= size
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise UserError(
                f"Cannot keep features in {self.folder}: {error.strerror}."
            ) from error
        if needed > free:
            raise UserError(
                f"Features would take {needed / 1e6:,.1f} MB in {self.folder}, "
                f"its disk has {free / 1e6:,.1f} MB."
            )

    def _entries(self) -> Iterator[tuple[float, int, pathlib.Path]]:
        """(last use, bytes, path) of each entry and abandoned part of one."""
        for path in self.folder.iterdir():
            name = _ENTRY.fullmatch(path.name)
            with contextlib.suppress(FileNotFoundError):
                stat = path.lstat()
                age = time.time() - stat.st_mtime
                if name and (not name.group(1) or age > _ABANDONED):
                    yield stat.st_mtime, stat.st_size, path

    def _path(self, key: str) -> pathlib.Path:
        return self.folder / f"{key}.features"


def _seed(key: str) -> int:
    return zlib.crc32(key.encode())


def _checksum(key: str, content: np.ndarray) -> bytes:
    return zlib.crc32(content, _seed(key)).to_bytes(_CHECKSUM, "little")


def _remove(path: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
