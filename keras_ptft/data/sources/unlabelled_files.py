"""Files of which no label is needed: those in class folders, or all."""

import pathlib

import numpy as np

from keras_ptft.data.sources.class_folders import (
    NO_CLASS,
    NO_SPLIT,
    ClassFiles,
    NoClassFolders,
    SplitFiles,
    class_files,
)
from keras_ptft.data.sources.file_tree import (
    FileAccount,
    FileKind,
    existing_folder,
    listed_folder,
)
from keras_ptft.data.sources.split_folders import split_folders
from keras_ptft.errors import UserError

_NO_SPLIT_FILE = "beside the folders of splits"


def files_with_or_without_labels(path: str, kind: FileKind) -> ClassFiles:
    """Finds files by their class folders, or else without labels.

    Args:
        path: the folder.
        kind: of the files.

    Returns:
        The files in class folders if there are such, so that a model can be
        judged by them; or else all files below, which is noted.

    Raises:
        UserError: no such folder, no files, or two folders for one split.
    """
    try:
        found = class_files(path, kind)
    except NoClassFolders as fault:
        return unlabelled_files(path, kind, fault.reason)
    if len(found.names) == 1:
        reason = f"there is only one class folder, {found.names[0]!r}"
        return unlabelled_files(path, kind, reason)
    beside = _count_beside(found.root, kind)
    if not beside or kind.without_labels is None:
        return found
    note = (
        f"{beside:,} {kind.what} {NO_CLASS} are left out: to use all, "
        f"without labels, write {kind.without_labels(path)}"
    )
    return found._replace(notes=(*found.notes, note))


def unlabelled_files(path: str, kind: FileKind, reason: str) -> ClassFiles:
    """Finds all files in a folder and below, which have no labels.

    Args:
        path: the folder, or one of folders that are named after splits, as
            `split_of` knows them.
        kind: of the files.
        reason: why they have none, for the note.

    Raises:
        UserError: no such folder, no files, or two folders for one split.
    """
    root = existing_folder(path, kind)
    found = FileAccount(kind, root)
    splits, others, notes = split_folders(root)
    if splits:
        found.leave_out(_NO_SPLIT_FILE, root)
    for other in others:
        found.leave_out_below(NO_SPLIT, other)
    files = {
        split or "train": _files(top, split, found)
        for split, top in (splits or {"": root}).items()
    }
    note = f"{kind.what} are used without labels: {reason}"
    return ClassFiles(
        root, files, (), found.left_out, (note, *notes, *found.notes)
    )


def _count_beside(root: pathlib.Path, kind: FileKind) -> int:
    """Counts the files of a kind that lie beside class folders."""
    tops = root, *split_folders(root).splits.values()
    names = [name for top in tops for name in listed_folder(top).files]
    return sum(map(kind.reads, names))


def _files(top: pathlib.Path, split: str, found: FileAccount) -> SplitFiles:
    paths = found.usable(top, split)
    if not paths:
        kind = found.kind
        raise UserError(
            f"{top} must hold {kind.what} ({', '.join(kind.endings)}), got "
            "none: add some or correct the path."
        )
    return SplitFiles(paths, np.zeros(len(paths), np.int64), split)
