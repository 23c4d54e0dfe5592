"""Every run in a folder of runs, and what else is there."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from keras_ptft.comparison import settings as comparison_settings
from keras_ptft.errors import UserError
from keras_ptft.runs.reading import Run, is_run_folder, read_run
from keras_ptft.search import settings as search_settings

_MOST_NAMED = 3
_SUFFIXES = (comparison_settings.FOLDER_SUFFIX, search_settings.FOLDER_SUFFIX)


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a folder of runs holds.

    Attributes:
        folder: the folder.
        runs: by name.
        comparisons: names of folders of comparisons and searches whose runs
            are not among `runs`.
        others: names of folders that hold no run; hidden ones do not count.
    """

    folder: pathlib.Path
    runs: Sequence[Run]
    comparisons: Sequence[str]
    others: Sequence[str]


def list_runs(folder: pathlib.Path, *, within_comparisons: bool) -> Listing:
    """Reads every run in a folder of runs.

    Args:
        folder: holds run folders, and maybe folders of comparisons and of
            searches.
        within_comparisons: read the runs of these too.

    Raises:
        UserError: there is no such folder, or it is a run folder itself.
    """
    _check(folder)
    runs, comparisons, others = [], [], []
    for name in _folders(folder):
        path = folder / name
        if is_run_folder(path):
            runs.append(read_run(path, name))
        elif not name.endswith(_SUFFIXES):
            others.append(name)
        elif within_comparisons:
            runs += _of_comparison(path)
        else:
            comparisons.append(name)
    runs.sort(key=lambda run: run.name)
    return Listing(folder, runs, comparisons, others)


def some_of(names: Sequence[str]) -> str:
    """Returns the first of many names, and how many more there are.

    Example:

    >>> some_of("abc"), some_of("abcdefg")
    ('a, b, c', 'a, b, c and 4 more')
    """
    shown, more = ", ".join(names[:_MOST_NAMED]), len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _of_comparison(folder: pathlib.Path) -> list[Run]:
    return [
        read_run(folder / name, f"{folder.name}/{name}")
        for name in _folders(folder)
        if is_run_folder(folder / name)
    ]


def _folders(folder: pathlib.Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if entry.is_dir() and not entry.name.startswith(".")
            )
    except OSError as error:
        raise UserError(
            f"Cannot list {folder}: {error.strerror}. Choose a folder that "
            "can be read."
        ) from error


def _check(folder: pathlib.Path) -> None:
    if not folder.is_dir():
        what = "a file" if os.path.lexists(folder) else "none"
        raise UserError(
            f"Expected a folder of runs at {folder}, there is {what}: name "
            "the --runs_dir of the runs."
        )
    if is_run_folder(folder):
        raise UserError(
            f"{folder} is a run folder, expected a folder that holds some: "
            f"name {folder.parent}."
        )
