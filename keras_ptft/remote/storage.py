"""Objects below a URL, through the file systems that TensorFlow knows."""

import contextlib
import logging
import os
import pathlib
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

from keras_ptft.errors import UserError
from keras_ptft.remote.errors import MissingError, RemoteError

_LOG = logging.getLogger("keras_ptft")

# where an object appears whole or not at all, and folders need not be made
_OBJECT_STORES = ("gs", "s3")
_CHUNK = 2**24
_LONGEST_REASON = 200
_BY_TENSORFLOW_IO = ("s3", "hdfs", "viewfs", "az", "oss")


class Storage:
    """The objects below a URL.

    Args:
        url: without a slash at its end.

    Raises:
        UserError: it is a file:// URL of no absolute path.
    """

    def __init__(self, url: str) -> None:
        scheme, _, path = url.partition("://")
        if scheme == "file" and not path.startswith("/"):
            # the first name would be that of a host, and be left out
            raise UserError(
                f"Expected file:// and an absolute path, got {url}: write "
                f"file://{os.path.abspath(path)}."
            )
        self.url = url
        self._is_object_store = scheme in _OBJECT_STORES

    def at(self, name: str) -> str:
        """Returns the URL of an object."""
        return f"{self.url}/{name}" if name else self.url

    def read(self, name: str) -> bytes:
        """Returns the content of a small object.

        Raises:
            MissingError: it is not there.
            RemoteError: it cannot be read.
        """
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yields the content of an object."""
        # to its end, whatever size a cache of the file system has for it
        with (
            _gfile(self.url, "read") as gfile,
            gfile.GFile(self.at(name), "rb") as file,
        ):
            while chunk := file.read(_CHUNK):
                yield chunk

    def write(self, name: str, content: bytes) -> None:
        """Writes a small object, whole or not at all."""
        partial = name
        if not self._is_object_store:
            partial = f"{name}.partial-{uuid.uuid4().hex[:8]}"
        self._write(partial, iter([content]))
        if partial != name:
            self.rename(partial, name)

    def upload(self, path: str | os.PathLike, name: str) -> None:
        """Writes a file as an object, which is no more than its beginning if
        this process dies on a file system that is no object store.

        Raises:
            OSError: the file cannot be read.
        """
        with open(path, "rb") as file:
            self._write(name, iter(lambda: file.read(_CHUNK), b""))

    def rename(self, name: str, to: str) -> None:
        """Renames an object; one that is there is replaced."""
        with _gfile(self.url, "write") as gfile:
            self._make_folder(gfile, to)
            gfile.rename(self.at(name), self.at(to), overwrite=True)

    def remove(self, name: str) -> None:
        """Removes an object, if it is there."""
        with (
            _gfile(self.url, "write") as gfile,
            contextlib.suppress(_missing()),
        ):
            gfile.remove(self.at(name))

    def remove_folder(self, name: str) -> None:
        """Removes all below a name, if anything is."""
        with (
            _gfile(self.url, "write") as gfile,
            contextlib.suppress(_missing()),
        ):
            gfile.rmtree(self.at(name))

    def size(self, name: str) -> int | None:
        """Returns the bytes of an object; None: it is not there."""
        with _gfile(self.url, "read") as gfile:
            try:
                return int(gfile.stat(self.at(name)).length)
            except _missing():
                return None

    def names(self, folder: str = "") -> list[str]:
        """Returns what is in a folder, sorted; nothing where it is not."""
        with _gfile(self.url, "read") as gfile:
            try:
                found = gfile.listdir(self.at(folder))
            except _missing():
                return []
        # object stores end folders with a slash, and may give those below
        return sorted({name.split("/")[0] for name in found} - {""})

    def files(self, folder: str = "") -> Iterator[str]:
        """Yields the names of all objects below a folder, if it is there."""
        with _gfile(self.url, "read") as gfile:
            above = f"{self.url}/"
            for place, _, names in gfile.walk(self.at(folder)):
                for name in names:
                    path = f"{place.rstrip('/')}/{name}"
                    yield path.removeprefix(above)

    def _write(self, name: str, chunks: Iterator[bytes]) -> None:
        with _gfile(self.url, "write") as gfile:
            self._make_folder(gfile, name)
            with gfile.GFile(self.at(name), "wb") as file:
                # a file to which nothing is written would not be made
                file.write(b"")
                for chunk in chunks:
                    file.write(chunk)

    def _make_folder(self, gfile: Any, name: str) -> None:
        if not self._is_object_store:
            gfile.makedirs(self.at(name).rpartition("/")[0])


def check_url(url: str, setting: str) -> None:
    """Raises a UserError if nothing can be written below a URL.

    It is tried, with an object that is removed: what is not allowed there must
    show before a training, not after it.

    Args:
        url: a folder, which need not exist.
        setting: that gives the URL.
    """
    name = f".keras-ptft-{uuid.uuid4().hex}"
    storage = Storage(url)
    try:
        storage.write(name, b"")
        storage.remove(name)
    except RemoteError as error:
        raise RemoteError(f"--{setting}={url}: {error}") from error


def tell_moved(
    did: str, url: str, count: int, size: int, started: float
) -> None:
    """Logs what went to a URL, or came from it.

    Args:
        did: the verb, as "Pushed".
        url: of what was moved.
        count: files.
        size: bytes of all.
        started: when that began, by `time.monotonic`.
    """
    _LOG.info(
        "%s %s: %d file%s, %.1f MB, %.1f s.",
        did,
        url,
        count,
        "s" * (count != 1),
        size / 1e6,
        time.monotonic() - started,
    )


def pathname(name: str) -> pathlib.PurePosixPath:
    """Returns the path below a folder that a name from a URL stands for.

    Raises:
        UserError: it leads elsewhere, which only a foreign hand writes.
    """
    path = pathlib.PurePosixPath(name)
    parts = name.split("/")
    if not name or {"", ".", ".."} & set(parts) or "\\" in name or "\0" in name:
        raise UserError(
            f"Expected a file below a run folder, got {name!r}: somebody else "
            "wrote this manifest; use another URL."
        )
    return path


def _missing() -> type[Exception]:
    import tensorflow as tf

    found: type[Exception] = tf.errors.NotFoundError
    return found


@contextlib.contextmanager
def _gfile(url: str, doing: str) -> Iterator[Any]:
    """Gives TensorFlow's file systems; their errors become one line."""
    import tensorflow as tf

    try:
        yield tf.io.gfile
    except tf.errors.UnimplementedError as error:
        raise _unknown(url, tf.io.gfile.get_registered_schemes()) from error
    except tf.errors.OpError as error:
        # a file may be where a folder of that name is looked for
        is_missing = isinstance(error, tf.errors.NotFoundError)
        is_missing |= error.message.endswith("Not a directory")
        kind = MissingError if is_missing else RemoteError
        raise kind(_line(url, doing, error)) from error


def _unknown(url: str, schemes: list[str]) -> RemoteError:
    scheme = url.partition("://")[0]
    known = ", ".join(f"{name}://" for name in sorted(filter(None, schemes)))
    remedy = "use one of these, or a mounted folder"
    if scheme in _BY_TENSORFLOW_IO:
        remedy = (
            "import tensorflow_io before, in a script of your own, or mount it"
        )
    return RemoteError(
        f"Expected a URL of a file system that TensorFlow knows ({known}), got "
        f"{url}: {remedy}."
    )


def _line(url: str, doing: str, error: Any) -> str:
    reason = re.sub(r"\s+", " ", error.message).strip().rstrip(".")
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[:_LONGEST_REASON]}…"
    return (
        f"Cannot {doing} {url}: expected a bucket or folder that is there, and "
        f"that you may {doing}, got: {reason}. Check the URL, your credentials "
        "and the network."
    )
