"""Files that are there whole or not at all."""

import contextlib
import errno
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator
from typing import Any

from keras_ptft.errors import DiskError, UserError

_PARTIAL = re.compile(r"\.partial-(\d{1,9})-.+")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://")
_DATA_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^,)]*")
# of file systems that do not wait for the names in a folder, such as a mounted
# drive
_NO_FLUSH = (
    errno.EINVAL,
    errno.ENOTSUP,
    errno.ENOSYS,
    errno.EACCES,
    errno.EPERM,
    errno.EISDIR,
    errno.EBADF,
)


def is_url(path: str | os.PathLike) -> bool:
    """Returns whether a path is a URL.

    Example:

    >>> is_url("gs://bucket/runs"), is_url("C:/runs")
    (True, False)
    """
    return _URL.match(os.fspath(path)) is not None


def check_here(text: str, setting: str) -> None:
    """Raises a UserError if a setting of the data names a URL."""
    if found := _DATA_URL.search(text):
        raise UserError(
            f"--{setting}={text} must be on this machine, got a URL: copy "
            f"{found[0]} to a folder, as by gcloud storage cp -r, and name "
            "that."
        )


def check_folder(path: str, setting: str) -> None:
    """Raises a UserError if no folder can be at `path`, or none written."""
    if obstacle := _folder_obstacle(path):
        raise UserError(
            f"--{setting}={path} must be a folder that can be written, but "
            f"{obstacle}: choose another."
        )


def check_file(path: str, setting: str) -> None:
    """Raises a UserError if no file can be written at `path`."""
    place = pathlib.Path(path)
    if is_url(path):
        obstacle = (
            "it is a URL, and files are written to folders of this machine"
        )
    elif os.path.exists(place) and not os.path.isfile(place):
        obstacle = "that is a folder or a device"
    else:
        obstacle = _name_obstacle(_partial(place)) or _folder_obstacle(
            place.parent
        )
    if obstacle:
        raise UserError(
            f"--{setting}={path} must be a file that can be written, but "
            f"{obstacle}: choose another."
        )


def _folder_obstacle(path: str | os.PathLike) -> str:
    """Returns why no folder can be at `path` and be written, or nothing.

    It is tried in the first folder above that exists, without a trace: what
    the rights of files say does not hold for every user and file system.
    """
    place = pathlib.Path(path).absolute()
    if obstacle := _name_obstacle(place):
        return obstacle
    while not os.path.lexists(place):
        place = place.parent
    if not os.path.isdir(place):
        return f"{place} is no folder"
    try:
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        return f"{place} ({error.strerror}) cannot be written"


def _name_obstacle(path: pathlib.Path) -> str:
    """Why a path cannot be looked up, such as a name that is too long."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"it cannot: {error.strerror}"
    return ""


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Gives a path beside `path` to write to, then renames it to `path`.

    A reader, or whoever comes after a kill or a power cut, finds the old
    file or the new one. The name keeps its suffix, by which some writers
    choose a format.

    Raises:
        DiskError: the folder or the file cannot be written.
    """
    path = pathlib.Path(path)
    partial = _partial(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _flush(partial)
        os.replace(partial, path)
        _flush_names(path.parent)
    except OSError as error:
        raise DiskError(
            f"Cannot write {path}: {error.strerror or error}. "
            "Choose a folder with write permission and free space."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _partial(path: pathlib.Path) -> pathlib.Path:
    """What a file is called while it is written."""
    return path.with_name(f".partial-{os.getpid()}-{path.name}")


def remove_leftovers(folder: str | os.PathLike) -> None:
    """Removes what killed processes were writing in a folder.

    That is for folders that one process writes to at a time: whether a
    process lives on another machine cannot be seen.
    """
    for path in pathlib.Path(folder).glob(".partial-*"):
        match = _PARTIAL.fullmatch(path.name)
        if match and not is_busy(int(match[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def is_written(folder: str | os.PathLike) -> bool:
    """Whether another process writes a file in a folder or below it now."""
    found = pathlib.Path(folder).rglob(".partial-*")
    matches = (_PARTIAL.fullmatch(path.name) for path in found)
    return any(is_busy(int(match[1])) for match in matches if match)


def is_busy(pid: int) -> bool:
    """Whether another process of this number runs on this machine.

    A container that is started again gives a program the number it had.
    """
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _flush(path: pathlib.Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    if os.name == "nt":
        # folders cannot be opened there, nor files that are read alone
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_names(folder: pathlib.Path) -> None:
    """Waits until the names in a folder are on the disk, where it can."""
    try:
        _flush(folder)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise


def digest_of(path: str | os.PathLike, digest: Any) -> str:
    """Returns the digest of a file's content, in hexadecimal.

    Args:
        path: of the file, which may be larger than memory.
        digest: of `hashlib`, to which nothing was added.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return str(digest.hexdigest())


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_text(path: str | os.PathLike) -> str:
    """Reads UTF-8 text with any line ends, and without a byte order mark.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is no UTF-8, as UTF-16 is none.
    """
    content = pathlib.Path(path).read_bytes()
    if b"\0" in content[:2]:
        # ASCII in UTF-16 is UTF-8, with a NUL beside each letter
        raise UnicodeDecodeError("utf-8", content, 0, 2, "it is UTF-16")
    return pathlib.Path(path).read_text(encoding="utf-8-sig")


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    write_text(path, text + "\n")


def read_json(path: str | os.PathLike) -> Any:
    """Reads JSON.

    Raises:
        UserError: no such file, or no JSON in it.
    """
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"Cannot read {path}: {error}. Expected a JSON file written by "
            "keras-ptft; run the stage again."
        ) from error
