"""Decoded images in a file, which runs fill as they read, and share."""

import errno
import hashlib
import io
import logging
import math
import os
import pathlib
import threading
import weakref
import zlib
from collections.abc import Callable

import numpy as np
import PIL
import tensorflow as tf

from keras_ptft.data.core.cache_folder import CacheFolder, remove
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.images.decoding import PREPROCESSING_VERSION
from keras_ptft.errors import UserError

_LOG = logging.getLogger("keras_ptft")

_WHAT = "Decoded photos"
# of each row, before all rows; 0: the row is not there
_CHECKSUM = np.dtype("<u4")


def key_of(
    hashes: np.ndarray, shape: tuple[int, ...], encoding: bytes = b""
) -> str:
    """Computes a key of all that decides the pixels of some images.

    Labels, splits and the order of the images decide none.

    Args:
        hashes: uint64 of shape (images,), of their files, sorted.
        shape: of each image that is made of one.
        encoding: how that is, as `Source.encoding`.

    Returns:
        32 hex digits.
    """
    versions = tf.__version__, PIL.__version__, PREPROCESSING_VERSION
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{versions} {shape} {encoding!r}\n".encode())
    digest.update(np.ascontiguousarray(hashes).tobytes())
    return digest.hexdigest()


def open_photos(
    cache: CacheFolder,
    hashes: np.ndarray,
    shape: tuple[int, ...],
    encoding: bytes = b"",
) -> "DecodedPhotos | None":
    """Opens the file of some images, or makes an empty one; says so.

    Args:
        cache: the folder of the file.
        hashes: as in `key_of`.
        shape: as in `key_of`.
        encoding: as in `key_of`.

    Returns:
        The images, or None where there is no room for them.
    """
    key = key_of(hashes, shape, encoding)
    path = cache.path(key, "photos")
    size = len(hashes) * (_CHECKSUM.itemsize + math.prod(shape))
    try:
        cache.check_limit(size, _WHAT)
        needed = 0 if path.exists() else size
        cache.make_room(needed, keep=[key], what=_WHAT)
        photos = DecodedPhotos(path, key, hashes, shape)
    except UserError as error:
        _log_refused(str(error))
        return None
    except OSError as error:
        _log_refused(f"Cannot open {path}: {error.strerror}.")
        return None
    known = f"{photos.count:,} of {len(hashes):,} are there"
    _LOG.info(
        "%s are kept in %s: %.1f MB, %s.", _WHAT, cache, size / 1e6, known
    )
    return photos


def _log_refused(reason: str) -> None:
    _LOG.warning("%s They are decoded at each epoch instead.", reason)


class KeptPhotos:
    """Images that are kept once they were decoded, where there is room.

    Their file is opened when the first of them is read. So settings that are
    found to be wrong before that leave nothing behind.

    Args:
        open_photos: opens it; returns None where there is no room.
    """

    def __init__(
        self, open_photos: Callable[[], "DecodedPhotos | None"]
    ) -> None:
        self._open, self._lock = open_photos, threading.Lock()
        self._is_open = False
        self._found: DecodedPhotos | None = None

    def has(self, rows: np.ndarray) -> np.ndarray:
        """Returns which rows are there, bool of the same shape."""
        photos = self._photos()
        return photos.has(rows) if photos else np.zeros(len(rows), bool)

    def filled(
        self,
        rows: np.ndarray,
        known: np.ndarray,
        images: np.ndarray,
        encoded: np.ndarray,
    ) -> np.ndarray:
        """Returns rows, and keeps those that are new: as `DecodedPhotos`."""
        photos = self._photos()
        return photos.filled(rows, known, images, encoded) if photos else images

    def _photos(self) -> "DecodedPhotos | None":
        with self._lock:
            if not self._is_open:
                self._found, self._is_open = self._open(), True
        return self._found


class DecodedPhotos:
    """Images in a file of fixed size, each there once it was decoded.

    The file is a checksum of each row, then the rows of pixels. A row counts
    if its checksum fits, which is looked at once in a process. So it does
    not matter in which order a disk got the bytes, nor that several
    processes write to the file: they write the same bytes.

    Args:
        path: of the file; one of another size is replaced.
        key: of its content, as `key_of` computes it.
        hashes: uint64 of shape (images,), of the file of each row.
        shape: of each image.

    Raises:
        OSError: the file cannot be opened or made.
    """

    def __init__(
        self,
        path: pathlib.Path,
        key: str,
        hashes: np.ndarray,
        shape: tuple[int, ...],
    ) -> None:
        self._hashes, self._start = hashes, zlib.crc32(key.encode())
        self._row = math.prod(shape)
        self._head = len(hashes) * _CHECKSUM.itemsize
        size = self._head + len(hashes) * self._row
        self._file = _opened(path, size, self._head)
        weakref.finalize(self, self._file.close).atexit = False
        content = np.memmap(self._file, np.uint8, "r", shape=(size,))
        self._checksums = content[: self._head].view(_CHECKSUM)
        self._rows = content[self._head :].reshape(len(hashes), *shape)
        self._known = np.zeros(len(hashes), bool)
        self._lock, self._is_writable = threading.Lock(), True

    @property
    def count(self) -> int:
        """How many rows were written."""
        return int(np.count_nonzero(self._checksums))

    def has(self, rows: np.ndarray) -> np.ndarray:
        """Returns which rows are there, bool of the same shape."""
        for row in rows[~self._known[rows]]:
            if stored := self._checksums[row]:
                self._known[row] = stored == self._checksum(
                    self._rows[row].data
                )
        return self._known[rows]

    def filled(
        self,
        rows: np.ndarray,
        known: np.ndarray,
        images: np.ndarray,
        encoded: np.ndarray,
    ) -> np.ndarray:
        """Returns rows, and keeps those that are new.

        Args:
            rows: int64 of shape (batch,).
            known: what `has` returned for them.
            images: uint8 of shape (new, ...), of the rows that are not.
            encoded: bytes of shape (new,), what these were decoded from.

        Returns:
            uint8 of shape (batch, ...).
        """
        found = np.empty((len(rows), *self._rows.shape[1:]), np.uint8)
        found[~known] = images
        for place in np.flatnonzero(known):
            found[place] = self._rows[rows[place]]
        for row, image, content in zip(
            rows[~known], images, encoded, strict=True
        ):
            # a file may have changed since it was hashed
            if self._is_writable and content_hash(content) == self._hashes[row]:
                self._keep(int(row), image)
        return found

    def _keep(self, row: int, image: np.ndarray) -> None:
        pixels = image.tobytes()
        checksum = self._checksum(pixels).to_bytes(_CHECKSUM.itemsize, "little")
        try:
            # never through the map: where a disk is full, that kills
            with self._lock:
                _write(self._file, self._head + row * self._row, pixels)
                _write(self._file, row * _CHECKSUM.itemsize, checksum)
        except OSError as error:
            self._stop(error)
        else:
            self._known[row] = True

    def _stop(self, error: OSError) -> None:
        """Writes no more, and says so once."""
        with self._lock:
            told, self._is_writable = not self._is_writable, False
        if not told:
            _LOG.warning(
                "Cannot write to %s: %s. Other photos are decoded at each "
                "epoch.",
                self._file.name,
                error.strerror,
            )

    def _checksum(self, pixels: bytes | memoryview) -> int:
        # 0 means that there is no row
        return zlib.crc32(pixels, self._start) or 1


def _opened(path: pathlib.Path, size: int, head: int) -> io.FileIO:
    """Opens a file to read and write; a new one takes no disk but its head."""
    if path.is_file() and path.stat().st_size not in (0, size):
        _LOG.warning("%s is damaged: photos are decoded again.", path)
        remove(path)
    # the time of its last use too
    path.touch()
    file = io.FileIO(path, "r+")
    is_new = path.stat().st_size == 0
    file.truncate(size)
    if is_new:
        # to read what was never written kills where a disk in memory is full
        _write(file, 0, bytes(head))
    return file


def _write(file: io.FileIO, place: int, content: bytes) -> None:
    file.seek(place)
    if file.write(content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
