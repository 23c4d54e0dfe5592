"""Files sorted into one folder per class."""

import os
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np

from keras_ptft.errors import UserError

ClassFiles = tuple[list[pathlib.Path], np.ndarray]
"""Paths, and the class index of each."""


def class_files(
    path: str, row: str, endings: Sequence[str], what: str
) -> tuple[dict[str, ClassFiles], tuple[str, ...]]:
    """Finds the files of each split and the names of the classes.

    Args:
        path: a folder of class folders, or of train/ with test/ or val/
            (validation/) beside it, each of class folders.
        row: of DATASETS, as an error names it.
        endings: suffixes of the files, in lower case, as ".png".
        what: plural noun for the files, as an error names them.

    Returns:
        The files of "train", and of "test" and "validation" if they have
        folders, and the sorted names of train's classes.

    Raises:
        UserError: no such folder, fewer than two classes, a class without
            files, or one that train does not have.
    """
    root = pathlib.Path(path).expanduser()
    if not root.is_dir():
        found = "is a file" if root.exists() else "does not exist"
        raise UserError(
            f"--dataset={row}:{path} must be a folder of class folders, "
            f"but it {found}: correct the path."
        )
    roots = _roots(root)
    names = _class_names(roots["train"], what)
    files = {
        split: _files(root, names, endings, what)
        for split, root in roots.items()
    }
    return files, names


def _roots(root: pathlib.Path) -> dict[str, pathlib.Path]:
    """The folder of each split that has one; there may be only "train"."""
    validation = root / "validation"
    named = {
        "test": root / "test",
        "validation": validation if validation.is_dir() else root / "val",
    }
    found = {split: path for split, path in named.items() if path.is_dir()}
    if found and (root / "train").is_dir():
        return {"train": root / "train", **found}
    return {"train": root}


def _class_names(root: pathlib.Path, what: str) -> tuple[str, ...]:
    _, folders, _ = next(os.walk(root, onerror=_refuse), ("", [], []))
    names = sorted(name for name in folders if not name.startswith("."))
    if len(names) < 2:
        raise UserError(
            f"{root} must hold at least two class folders, got "
            f"{', '.join(names) or 'none'}: sort the {what} into one "
            "folder a class."
        )
    return tuple(names)


def _files(
    root: pathlib.Path,
    names: tuple[str, ...],
    endings: Sequence[str],
    what: str,
) -> ClassFiles:
    unknown = sorted(set(_class_names(root, what)) - set(names))
    if unknown:
        raise UserError(
            f"{root} has class {unknown[0]!r}, which train has not: "
            f"its classes are {', '.join(names)}."
        )
    found = [_files_of_class(root / name, endings, what) for name in names]
    labels = np.repeat(np.arange(len(names)), [len(paths) for paths in found])
    return [path for paths in found for path in paths], labels


def _files_of_class(
    root: pathlib.Path, endings: Sequence[str], what: str
) -> list[pathlib.Path]:
    found = sorted(
        (
            path
            for path in _relative_paths(root)
            if path.suffix.lower() in endings
            and not any(part.startswith(".") for part in path.parts)
            and (root / path).is_file()
        ),
        key=lambda path: path.as_posix(),
    )
    if root.is_dir() and not found:
        raise UserError(
            f"Class folder {root} has no {what} ({', '.join(endings)}): "
            "add some or remove it."
        )
    return [root / path for path in found]


def _relative_paths(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the files in a folder and below; links are not followed."""
    for folder, _, names in os.walk(root, onerror=_refuse):
        for name in names:
            yield pathlib.Path(folder, name).relative_to(root)


def _refuse(error: OSError) -> None:
    raise UserError(
        f"Cannot read {error.filename}: {error.strerror}. Check its "
        "permissions."
    )
