"""Folders of a data set that are named after its splits."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from keras_ptft.data.sources.file_tree import listed_folder
from keras_ptft.data.sources.split_discovery import split_of
from keras_ptft.errors import UserError

_ORDER = ("train", "validation", "test")


class SplitFolders(NamedTuple):
    """The folders in a folder.

    Attributes:
        splits: the folder of each split; empty: these are no splits.
        others: beside those of splits, which belong to none.
        notes: on names that were read as splits, or as no splits.
    """

    splits: dict[str, pathlib.Path]
    others: tuple[pathlib.Path, ...]
    notes: tuple[str, ...]


def split_folders(root: pathlib.Path) -> SplitFolders:
    """Finds the folders of splits in a folder.

    They are splits if all folders have names of splits, or if train and
    another one are among them.

    Args:
        root: the folder.

    Raises:
        UserError: two folders for one split, or a split beside the classes
            that it holds.
    """
    folders = listed_folder(root).folders
    named = {name: split_of(name) for name in folders if split_of(name)}
    others = [name for name in folders if name not in named]
    if not named or (others and not {"train"} < set(named.values())):
        return SplitFolders({}, (), _as_classes(root, list(named), others))
    found = _one_each(root, named)
    notes = tuple(
        f"folder {path.name} is read as the {split} split"
        for split, path in found.items()
        if path.name.casefold() != split
    )
    return SplitFolders(found, tuple(root / name for name in others), notes)


def _one_each(
    root: pathlib.Path, named: Mapping[str, str]
) -> dict[str, pathlib.Path]:
    found = {}
    for split in _ORDER:
        names = [name for name, of in named.items() if of == split]
        if len(names) > 1:
            raise UserError(
                f"{root} must hold one folder for the {split} split, got "
                f"{' and '.join(names)}: merge them, or move one away."
            )
        if names:
            found[split] = root / names[0]
    return found


def _as_classes(
    root: pathlib.Path, named: Sequence[str], others: Sequence[str]
) -> tuple[str, ...]:
    """Notes on names of splits that are taken for classes."""
    for name in named:
        inside = set(listed_folder(root / name).folders)
        both = [other for other in others if other in inside]
        if both:
            raise UserError(
                f"{root / name} is named after a split and holds {both[0]}, "
                f"as {root} does: move the folders beside {name} into "
                f"{root / 'train'}."
            )
    return tuple(
        f"folder {name} is taken for a class, as {others[0]} beside it is"
        for name in named
    )
