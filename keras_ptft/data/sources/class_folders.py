"""Files sorted into one folder per class."""

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_ptft.data.core.account import LeftOut
from keras_ptft.data.core.classes import listed
from keras_ptft.data.core.labels import sorted_names, unknown_label
from keras_ptft.data.sources.file_tree import (
    FileAccount,
    FileKind,
    existing_folder,
    listed_folder,
)
from keras_ptft.data.sources.split_discovery import split_of
from keras_ptft.data.sources.split_folders import split_folders
from keras_ptft.errors import UserError

NO_CLASS = "in no class folder"
"""Why files are left out that lie beside class folders."""
NO_SPLIT = "in a folder of no split"
"""Why files are left out that lie in a folder beside those of splits."""

_SHOWN = 3


class NoClassFolders(UserError):
    """Files are in no class folders, or in some of another kind.

    Args:
        message: see `UserError`.
        reason: what is found in place of them.

    Attributes:
        reason: see above.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class SplitFiles(NamedTuple):
    """The files of one split.

    Attributes:
        paths: one file an example.
        labels: int64 array of shape (examples,), the index of each class.
        given: the split, as files that are left out are accounted for; empty
            where all files are in one piece.
        values: as `Source.values`, or None.
        by: as `Source.by`, or None.
    """

    paths: Sequence[pathlib.Path]
    labels: np.ndarray
    given: str = ""
    values: np.ndarray | None = None
    by: np.ndarray | None = None


class ClassFiles(NamedTuple):
    """What is in class folders.

    Attributes:
        root: the folder of all.
        splits: the files of each split.
        names: of the classes.
        left_out: files that are not used.
        notes: on what was guessed, a sentence each.
        target_name: of the number to be predicted, if that is it.
    """

    root: pathlib.Path
    splits: dict[str, SplitFiles]
    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    target_name: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of which each file has one; empty: it has none."""
        every = (part.values for part in self.splits.values())
        return self.names if all(v is None for v in every) else ()


def class_files(path: str, kind: FileKind) -> ClassFiles:
    """Finds the files of each split and the names of the classes.

    Every file in the folder and below is used or accounted for. Folders of
    splits and classes may be links; other links to folders are not followed.

    Args:
        path: a folder of class folders, or of folders that are named after
            splits, as `split_of` knows them, each of class folders.
        kind: of the files.

    Returns:
        The files of "train" alone or of each split that has a folder, and
        the names of train's classes.

    Raises:
        UserError: no such folder, no class folders, two folders for one
            split, a class without files, or one that train lacks.
    """
    root = existing_folder(path, kind)
    found = FileAccount(kind, root)
    splits, others, notes = split_folders(root)
    if splits:
        found.leave_out(NO_CLASS, root)
    for other in others:
        found.leave_out_below(NO_SPLIT, other)
    roots = splits or {"": root}
    names = _class_names(roots, kind)
    files = {
        split or "train": _files(top, split, names, found)
        for split, top in roots.items()
    }
    if not splits:
        notes += _splits_inside(root, names)
    return ClassFiles(
        root, files, names, found.left_out, (*notes, *found.notes)
    )


def _class_names(
    roots: dict[str, pathlib.Path], kind: FileKind
) -> tuple[str, ...]:
    """The sorted names of train's classes, or of all without train."""
    classes = {
        split: _folders(top, split, kind) for split, top in roots.items()
    }
    every = [name for folders in classes.values() for name in folders]
    names = sorted_names(classes.get("train", every))
    known = set(names)
    for split, folders in classes.items():
        for name in folders:
            if name not in known:
                raise unknown_label(name, names, str(roots[split]))
    return names


def _folders(root: pathlib.Path, split: str, kind: FileKind) -> list[str]:
    folders = listed_folder(root).folders
    if not folders:
        raise _no_folders(root, kind)
    if len(folders) == 1:
        _check_not_nested(root, split, kind)
    for name in folders:
        if name.encode(errors="replace").decode() != name:
            raise UserError(
                f"The name of class folder {str(root / name)!r} must be in "
                "UTF-8: rename it."
            )
    return folders


def _files(
    root: pathlib.Path, split: str, names: Sequence[str], found: FileAccount
) -> SplitFiles:
    found.leave_out(NO_CLASS, root, split)
    paths: list[pathlib.Path] = []
    counts = []
    for name in names:
        is_there = (root / name).is_dir()
        own = found.usable(root / name, split, name) if is_there else []
        if is_there and not own:
            raise NoClassFolders(
                f"Class folder {root / name} has no {found.kind.what} "
                f"({', '.join(found.kind.endings)}): add some or remove it.",
                f"folder {name!r} has no {found.kind.what}",
            )
        paths += own
        counts.append(len(own))
    labels = np.repeat(np.arange(len(names), dtype=np.int64), counts)
    return SplitFiles(paths, labels, split)


def _splits_inside(root: pathlib.Path, names: Sequence[str]) -> tuple[str, ...]:
    """A note on folders of splits inside of class folders, if any."""
    inside = [
        f"{name}/{folder}"
        for name in names
        for folder in listed_folder(root / name).folders
        if split_of(folder)
    ]
    if not inside:
        return ()
    dots = ", ..." if len(inside) > _SHOWN else ""
    return (
        "folders inside of class folders are not read as splits: "
        f"{', '.join(inside[:_SHOWN])}{dots}",
    )


def _no_folders(root: pathlib.Path, kind: FileKind) -> NoClassFolders:
    count = sum(map(kind.reads, listed_folder(root).files))
    return NoClassFolders(
        f"{root} must hold one folder for each class, got {count:,} "
        f"{kind.what} and no folder: {_classes_beside(root, kind)}sort the "
        f"{kind.what} into class folders{kind.otherwise}.",
        f"{root} has no class folders",
    )


def _classes_beside(root: pathlib.Path, kind: FileKind) -> str:
    """What to do where the folder itself is that of a class."""
    above = root.absolute().parent
    if not os.access(above, os.R_OK):
        return ""
    beside = [
        name
        for name in listed_folder(above).folders
        if os.access(above / name, os.R_OK)
        and any(map(kind.reads, listed_folder(above / name).files))
    ]
    if len(beside) < 2 or root.absolute().name not in beside:
        return ""
    return (
        f"if it is one class of {listed(sorted_names(beside))}, give "
        f"--dataset={kind.row}:{root.parent if root.name else above}, or "
    )


def _check_not_nested(root: pathlib.Path, split: str, kind: FileKind) -> None:
    """Refuses a single folder that the class folders are in."""
    inner, inside = root, listed_folder(root)
    while len(inside.folders) == 1:
        inner = inner / inside.folders[0]
        inside = listed_folder(inner)
        if any(map(kind.reads, inside.files)):
            return
    if inside.folders:
        give = "" if split else f"give --dataset={kind.row}:{inner}, or "
        names = listed(sorted_names(inside.folders))
        raise NoClassFolders(
            f"{root} holds one single folder, below which are the folders "
            f"{names}: {give}move them up.",
            f"{root} holds one single folder; if {names} below are classes, "
            f"{give}move them up",
        )
