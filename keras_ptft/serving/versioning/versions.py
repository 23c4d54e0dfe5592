"""Numbered versions in the folder that TensorFlow Serving polls.

A version appears and goes by one rename: a server that looks at the folder
finds all of it or nothing. A number never stands for two models, since a server
that has loaded a number does not load it again.
"""

import errno
import os
import pathlib
import platform
import re
import shutil
from collections.abc import Mapping
from typing import Any

from keras_ptft import files
from keras_ptft.errors import UserError

EXTRA = "assets.extra"
"""Folder of a version with files that TensorFlow Serving does not read."""
FACTS = f"{EXTRA}/export.json"
"""What is known of a version: where it comes from, and what was proved."""
GRAPH = "saved_model.pb"
"""The file by which a folder is known as a SavedModel."""
VERSIONS_FILE = "versions.json"
"""File beside the versions that says which of them have a label."""

# what killed processes had not published yet, or removed by half
_LEFTOVER = re.compile(r"\.(partial|removed)-\d+-(?P<host>.*)-(?P<pid>\d{1,9})")


def is_version(name: str) -> bool:
    """Returns whether a file name is that of a version: an integer.

    Example:

    >>> is_version("12"), is_version(".partial-12")
    (True, False)
    """
    return re.fullmatch("[0-9]+", name) is not None


def versions(base: pathlib.Path) -> list[pathlib.Path]:
    """Returns the paths named by an integer, in numerical order."""
    found = (path for path in base.iterdir() if is_version(path.name))
    return sorted(found, key=lambda path: int(path.name))


def existing(base: pathlib.Path) -> dict[int, pathlib.Path]:
    """Returns the versions in a folder by number, at least one.

    Raises:
        UserError: there is none.
    """
    found = versions(base) if base.is_dir() else []
    if found:
        return {int(path.name): path for path in found}
    hint = "name the --export_to of a run"
    if (base / GRAPH).is_file():
        hint = f"that is one version, name {base.absolute().parent}"
    raise UserError(
        f"Expected a folder that holds versions of an export, as "
        f"saved_models/NAME, found none in {base}: {hint}."
    )


def facts_of(version: pathlib.Path) -> Mapping[str, Any]:
    """Returns what is known of a version; nothing if another tool made it."""
    try:
        found = files.read_json(version / FACTS)
    except UserError:
        return {}
    return found if isinstance(found, dict) else {}


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
    partial = base / f".partial-{_next_version(base)}-{_owner()}"
    partial.mkdir()
    return partial


def copy_into(folder: pathlib.Path, version: pathlib.Path) -> None:
    """Fills a folder with all of a version.

    Its files are hard links where the file system has them, which take no
    room and no time. To change one, replace it.

    Args:
        folder: as `new_folder` makes it.
        version: folder of the version.

    Raises:
        OSError: the folder cannot be written, or the version not be read.
    """
    shutil.copytree(
        version, folder, copy_function=_link, symlinks=True, dirs_exist_ok=True
    )


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


def remove(version: pathlib.Path) -> bool:
    """Removes a version; one that a server has in memory goes on answering.

    It is renamed first, to a name that is no number.

    Args:
        version: its folder.

    Returns:
        Whether it was there.

    Raises:
        OSError: it cannot be renamed.
    """
    gone = version.with_name(f".removed-{version.name}-{_owner()}")
    try:
        os.rename(version, gone)
    except FileNotFoundError:
        return False
    shutil.rmtree(gone, ignore_errors=True)
    return True


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _next_version(base: pathlib.Path) -> int:
    taken = (int(path.name) for path in versions(base))
    return max(_newest_labelled(base), *taken, 0) + 1


def _newest_labelled(base: pathlib.Path) -> int:
    """A number that is taken even if its version was removed by hand."""
    try:
        return int(files.read_json(base / VERSIONS_FILE)["newest"])
    except (UserError, LookupError, TypeError, ValueError):
        return 0


def _owner() -> str:
    return f"{platform.node()}-{os.getpid()}"


def _remove_leftovers(base: pathlib.Path) -> None:
    """Removes what killed exports of this machine left."""
    for path in base.iterdir():
        match = _LEFTOVER.fullmatch(path.name)
        if (
            match
            and match["host"] == platform.node()
            and not files.is_busy(int(match["pid"]))
        ):
            shutil.rmtree(path, ignore_errors=True)
