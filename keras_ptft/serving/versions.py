"""Numbered versions in the folder that TensorFlow Serving polls."""

import errno
import os
import pathlib
import platform
import re
import shutil

from keras_ptft.files import is_busy

_PARTIAL = re.compile(r"\.partial-\d+-(?P<host>.*)-(?P<pid>\d{1,9})")


def versions(base: pathlib.Path) -> list[pathlib.Path]:
    """Returns the paths named by an integer, in numerical order."""
    found = (p for p in base.iterdir() if re.fullmatch("[0-9]+", p.name))
    return sorted(found, key=lambda path: int(path.name))


def new_folder(base: pathlib.Path) -> pathlib.Path:
    """Makes a folder that TensorFlow Serving ignores: its name is no number.

    Removes what killed exports left in `base`.

    Args:
        base: folder of versions; made if it does not exist.

    Returns:
        The new folder.

    Raises:
        OSError: `base` is no folder or cannot be written.
    """
    base.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(base)
    owner = f"{platform.node()}-{os.getpid()}"
    partial = base / f".partial-{_next_version(base)}-{owner}"
    partial.mkdir()
    return partial


def publish(partial: pathlib.Path, base: pathlib.Path) -> pathlib.Path:
    """Renames `partial` to the next version of `base`; returns its path."""
    while True:
        path = base / str(_next_version(base))
        try:
            os.rename(partial, path)
        except OSError as error:
            # another export may have taken the number in the meantime
            taken = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
            if error.errno not in taken:
                raise
        else:
            return path


def _next_version(base: pathlib.Path) -> int:
    return max((int(path.name) for path in versions(base)), default=0) + 1


def _remove_leftovers(base: pathlib.Path) -> None:
    """Removes what killed exports of this machine left."""
    for path in base.iterdir():
        match = _PARTIAL.fullmatch(path.name)
        if (
            match
            and match["host"] == platform.node()
            and not is_busy(int(match["pid"]))
        ):
            shutil.rmtree(path, ignore_errors=True)
