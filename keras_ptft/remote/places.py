"""Where the working copy of a URL is, and the URL of a working copy."""

import os
import pathlib
import urllib.parse
from typing import NamedTuple

from keras_ptft import files
from keras_ptft.errors import UserError

CACHE_VARIABLE = "KERAS_PTFT_CACHE"
"""Environment variable: folder of working copies, in place of the usual."""

ASIDE = ".aside"
"""Folder beside working copies, of those that a URL went on without."""
STATE = ".remote"
"""Folder beside working copies, of what is known of each."""

# as most file systems have it
_LONGEST_NAME = 255


class Place(NamedTuple):
    """A folder below a URL.

    Attributes:
        url: of the folder, without a slash at its end.
        copy: its working copy.
    """

    url: str
    copy: pathlib.Path


def cache_folder() -> pathlib.Path:
    """Returns the folder that holds every working copy."""
    if given := os.environ.get(CACHE_VARIABLE):
        return pathlib.Path(given).expanduser().absolute() / "remote"
    usual = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(usual).expanduser().absolute() / "keras_ptft/remote"


def normal(url: str | os.PathLike) -> str:
    """Returns a URL with single slashes, and none at its end.

    Example:

    >>> normal("gs://bucket//runs/")
    'gs://bucket/runs'
    """
    scheme, _, path = os.fspath(url).partition("://")
    start = "/" if path.startswith("/") else ""
    return f"{scheme}://{start}{'/'.join(filter(None, path.split('/')))}"


def place_of_url(url: str | os.PathLike) -> Place:
    """Returns the place of a run folder, or of an export, by its URL.

    Raises:
        UserError: the URL names no folder below another.
    """
    folder, _, name = normal(url).rpartition("/")
    if not name or folder.endswith(":/"):
        raise UserError(
            f"Expected a URL of a folder in a bucket or folder, as "
            f"gs://bucket/runs, got {os.fspath(url)}: write it like this."
        )
    return Place(f"{folder}/{name}", working_copies(folder) / name)


def working_copies(url: str | os.PathLike) -> pathlib.Path:
    """Returns the folder of the working copies of what is below a URL.

    Raises:
        UserError: the URL is too long for the name of a folder.
    """
    name = urllib.parse.quote(normal(url), safe="")
    if len(name) > _LONGEST_NAME:
        raise UserError(
            f"Expected a shorter URL than {os.fspath(url)}, whose working copy "
            "would have too long a name: choose another folder."
        )
    return cache_folder() / name


def local(path: str) -> str:
    """Returns the local folder that stands for a folder of runs.

    Args:
        path: a path, which is returned, or a URL.
    """
    return str(working_copies(path)) if files.is_url(path) else path


def place_of(path: str | os.PathLike) -> Place | None:
    """Returns the place whose working copy holds a path; None: none does.

    Args:
        path: of a working copy, or of what is in one.
    """
    url, *names = _parts(path) or [""]
    if not names:
        return None
    return Place(f"{url}/{names[0]}", working_copies(url) / names[0])


def told(path: str | os.PathLike) -> str:
    """Returns the URL of a path in a working copy; another path as it is.

    What is written into a run folder must be true on every machine.
    """
    return "/".join(_parts(path)) or os.fspath(path)


def _parts(path: str | os.PathLike) -> list[str]:
    """The URL that a path has a working copy of, and the names below it.

    Nothing of a path elsewhere, or in a folder that stands beside the copies.
    """
    try:
        below = pathlib.Path(path).absolute().relative_to(cache_folder())
        folder, *names = below.parts
    except ValueError:
        return []
    url = urllib.parse.unquote(folder)
    if not files.is_url(url) or names[:1] in ([ASIDE], [STATE]):
        return []
    return [url, *names]
