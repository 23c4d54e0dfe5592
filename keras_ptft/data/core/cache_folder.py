"""A folder of files that can be made again, of limited size."""

import contextlib
import errno
import os
import pathlib
import re
import shutil
import time
from collections.abc import Collection, Iterator
from typing import TypeVar

import numpy as np

from keras_ptft.errors import UserError

_FOLDER = ".features"
_ENTRY = re.compile(r"(\.partial-\d+-)?[0-9a-f]{32}\.(features|photos)")
# seconds; a file that is still being written is younger
_ABANDONED = 3600.0

_Folder = TypeVar("_Folder", bound="CacheFolder")


class CacheFolder:
    """Features and decoded photos, of all runs in one folder.

    Several processes may share it: on Linux, a mapped file stays readable
    when another process removes it.

    Args:
        folder: where files are; created when the first is written.
        limit: most bytes that all files together may take.

    Example:

    >>> import tempfile
    >>> cache = CacheFolder(tempfile.mkdtemp(), limit=9)
    >>> cache.path("0" * 32, "features").write_bytes(b"seldom")
    6
    >>> cache.make_room(4)
    >>> cache.path("0" * 32, "features").exists()
    False
    """

    def __init__(self, folder: str | os.PathLike, limit: float) -> None:
        self.folder = pathlib.Path(folder)
        self.limit = limit

    def __str__(self) -> str:
        return str(self.folder)

    @classmethod
    def of_runs(
        cls: type[_Folder], runs_dir: str | os.PathLike, gigabytes: float
    ) -> _Folder:
        """Returns what the runs in a folder share.

        Args:
            runs_dir: the folder of runs.
            gigabytes: the limit.
        """
        return cls(pathlib.Path(runs_dir) / _FOLDER, gigabytes * 1e9)

    def path(self, key: str, kind: str) -> pathlib.Path:
        """Returns where a file is, or will be.

        Args:
            key: of its content, 32 hex digits.
            kind: "features" or "photos".
        """
        return self.folder / f"{key}.{kind}"

    def check_limit(self, size: int, what: str = "Features") -> None:
        """Raises a UserError if the limit does not allow so many bytes.

        Args:
            size: bytes of all that are needed at once.
            what: they are, for the error.
        """
        if size > self.limit:
            raise UserError(
                f"{what} would take {size / 1e6:,.1f} MB, over "
                f"--feature_cache_gb={self.limit / 1e9:g}."
            )

    def make_room(
        self, needed: int, keep: Collection[str] = (), what: str = "Features"
    ) -> None:
        """Removes files, the least recently used first, to fit the limit.

        Args:
            needed: bytes about to be written.
            keep: keys of files that must stay.
            what: is about to be written, for errors.

        Raises:
            UserError: the folder cannot be used, or the disk is too full.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            entries = sorted(self._entries())
            excess = sum(size for _, size, _ in entries) + needed - self.limit
            for _, size, path in entries:
                if excess > 0 and path.name[:32] not in keep:
                    remove(path)
                    excess -= size
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise UserError(
                f"Cannot keep {what.lower()} in {self.folder}: "
                f"{error.strerror}."
            ) from error
        if needed > free:
            raise UserError(
                f"{what} would take {needed / 1e6:,.1f} MB in {self.folder}, "
                f"its disk has {free / 1e6:,.1f} MB."
            )

    def _entries(self) -> Iterator[tuple[float, int, pathlib.Path]]:
        """(last use, bytes, path) of files and of abandoned partial ones."""
        for path in self.folder.iterdir():
            name = _ENTRY.fullmatch(path.name)
            with contextlib.suppress(FileNotFoundError):
                stat = path.lstat()
                age = time.time() - stat.st_mtime
                if name and (not name.group(1) or age > _ABANDONED):
                    yield stat.st_mtime, stat.st_size, path


def mapped(path: pathlib.Path) -> np.ndarray:
    """Maps a file from disk; reads it where files cannot be mapped.

    Some mounted drives cannot.

    Args:
        path: of the file, which is not empty.

    Returns:
        uint8 of shape (bytes,), a `np.memmap` if it could be mapped.
    """
    try:
        return np.memmap(path, np.uint8, "r")
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return np.fromfile(path, np.uint8)


def remove(path: pathlib.Path) -> None:
    """Removes a file of a cache, unless another process did or forbids it."""
    with contextlib.suppress(OSError):
        path.unlink()
