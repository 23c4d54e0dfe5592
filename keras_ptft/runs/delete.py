"""Removes run folders that no other run depends on."""

import os
import pathlib
import shutil
from collections.abc import Iterable, Mapping, Sequence

from keras_ptft import files
from keras_ptft.errors import DiskError, UserError
from keras_ptft.experiment.results import RESULT_FILE
from keras_ptft.experiment.run_files import FLAGS_FILE
from keras_ptft.registry import nearest
from keras_ptft.runs.listing import Listing, some_of
from keras_ptft.runs.reading import Run

# what a run is to those that name it by a setting
_RELATIONS = {
    "init_from": "parent (init_from)",
    "teacher": "teacher (teacher)",
}


def delete_runs(names: str, listing: Listing) -> list[str]:
    """Removes runs with all that is in their folders.

    All of them are checked before any is removed.

    Args:
        names: of runs, with commas between them.
        listing: every run that could have started from one of them.

    Returns:
        A sentence for each that was removed.

    Raises:
        UserError: a name that is no run folder's; a run from which one that
            stays was started; or one that another process writes to.
        DiskError: a folder cannot be removed.
    """
    chosen = _chosen(names, listing)
    gone = {run.name for run in chosen}
    staying = [run for run in listing.runs if run.name not in gone]
    _check_parents(chosen, staying, listing.folder)
    for run in chosen:
        _check_folder(run.path)
    return [_remove(run.path) for run in chosen]


def _chosen(names: str, listing: Listing) -> list[Run]:
    by_name = {run.name: run for run in listing.runs}
    wanted = [name.strip().rstrip("/") for name in names.split(",")]
    for name in wanted:
        if name not in by_name:
            raise UserError(
                f"--delete must name runs in {listing.folder}, as a,b, and "
                f"there is no run {name!r}{nearest(name, by_name)}: see "
                "keras-ptft runs --all."
            )
    return [by_name[name] for name in dict.fromkeys(wanted)]


def _check_folder(path: pathlib.Path) -> None:
    if not (path / FLAGS_FILE).exists():
        raise UserError(
            f"{path} is not a run folder, expected {FLAGS_FILE} in it: look "
            "at what it holds, and remove it by hand."
        )
    if path.is_symlink():
        raise UserError(
            f"{path} is a link to another folder, expected a run folder: "
            "remove the link by hand."
        )
    if files.is_written(path):
        raise UserError(
            f"{path} is written to by another process: wait until that ends, "
            "or stop it."
        )


def _check_parents(
    chosen: Sequence[Run], staying: Iterable[Run], folder: pathlib.Path
) -> None:
    by_path = {run.path.resolve(): run for run in chosen}
    by_name = {run.path.name: run for run in chosen}
    children: dict[tuple[str, str], list[str]] = {}
    for child in staying:
        for setting in _RELATIONS:
            given = child.settings.get(setting)
            for parent in _parents(child, given, folder, by_path, by_name):
                known = children.setdefault((parent.name, setting), [])
                known.append(child.name)
    for (name, setting), found in children.items():
        raise UserError(
            f"{folder / name} is the {_RELATIONS[setting]} of "
            f"{some_of(found)}: keep it, or --delete these too."
        )


def _parents(
    child: Run,
    text: str | None,
    folder: pathlib.Path,
    by_path: Mapping[pathlib.Path, Run],
    by_name: Mapping[str, Run],
) -> list[Run]:
    """Returns the chosen runs that a setting of a run may mean.

    It is a run's name, a run folder or a file in one. The folder of runs may
    have been moved since; a path that leads nowhere now counts by the names
    in it.
    """
    if not text:
        return []
    given = pathlib.Path(text)
    runs_dir = child.settings.get("runs_dir", "")
    places = [folder, child.path.parent, pathlib.Path(runs_dir), pathlib.Path()]
    found = [p / given for p in places if os.path.exists(p / given)]
    if not found:
        names = (given.name, given.parent.name)
        return [by_name[name] for name in names if name in by_name][:1]
    real = [path.resolve() for path in found]
    above = {each for path in real for each in (path, *path.parents)}
    return [by_path[path] for path in above if path in by_path]


def _remove(folder: pathlib.Path) -> str:
    """Removes a folder; one half removed is still a run, to be removed."""
    count, size = _extent(folder)
    try:
        (folder / RESULT_FILE).unlink(missing_ok=True)
        for path in list(folder.iterdir()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != FLAGS_FILE:
                path.unlink()
        (folder / FLAGS_FILE).unlink()
        folder.rmdir()
    except OSError as error:
        raise DiskError(
            f"Cannot remove {folder}: {error.strerror}. Check the permissions "
            "of its files, and try again."
        ) from error
    return f"Removed {folder}: {count:,} files, {size / 1e6:.1f} MB."


def _extent(folder: pathlib.Path) -> tuple[int, int]:
    sizes = [
        os.lstat(os.path.join(place, name)).st_size
        for place, _, names in os.walk(folder)
        for name in names
    ]
    return len(sizes), sum(sizes)
