"""Finds the files that hold the splits of a data set."""

import os
import pathlib
import re
from collections.abc import Mapping, Sequence

from keras_ptft.errors import UserError

_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing", "tests", "eval", "evaluation"),
}
_SPLITS = {name: split for split, names in _NAMES.items() for name in names}
# beside the name of a split, as in "training_set" and "test images"
_FILLERS = {
    *("set", "data", "dataset", "split"),
    *("images", "imgs", "photos", "files", "texts"),
}
_SIGNS = re.compile(r"[-_. ]+")
_SHOWN = 3


def split_of(name: str) -> str:
    """Returns the split that a folder or a file is named after.

    Args:
        name: of a folder, or of a file without its ending, in any case.

    Returns:
        "train", "validation" or "test"; empty: none of these.

    Example:

    >>> [split_of(name) for name in ("Train", "VALID", "test_images", "tests")]
    ['train', 'validation', 'test', 'test']
    >>> [split_of(name) for name in ("trainer", "latest", "train_test")]
    ['', '', '']
    """
    words = [word for word in _SIGNS.split(name.casefold()) if word]
    named = [word for word in words if word not in _FILLERS]
    return _SPLITS.get(named[0], "") if len(named) == 1 else ""


def split_files(
    path: str, endings: Sequence[str], kind: str
) -> dict[str, pathlib.Path]:
    """Finds the file of each split; there may be only "train".

    Args:
        path: a file; a folder with train.tsv, and perhaps test.tsv and
            dev.tsv, or other names that `split_of` knows; or what the names
            of such files begin with, as "data/zho_Hans" of
            data/zho_Hans_train.tsv.
        endings: of the files' names, in lower case, as "tsv".
        kind: of file, as an error names it.

    Returns:
        The path of each split's file.

    Raises:
        UserError: no such files, or two for one split.
    """
    root = pathlib.Path(path).expanduser()
    if root.is_dir():
        found = _found(root, "", endings)
    elif os.path.lexists(root):
        found = {"train": root}
    else:
        found = _found(root.parent, root.name, endings)
    if "train" not in found:
        wanted = f"train.{endings[0]}"
        missing = root / wanted if root.is_dir() else root
        raise UserError(
            f"No {kind} file {str(missing)!r}: give a file, a folder with "
            f"{wanted} and test.{endings[0]}, or what the names of such "
            "files begin with."
        )
    return found


def unread_files(
    path: str, files: Mapping[str, pathlib.Path], endings: Sequence[str]
) -> tuple[str, ...]:
    """Returns a note on files of a folder that are of no split, if any.

    Args:
        path: as `split_files` was given it.
        files: what it returned.
        endings: as it was given them.
    """
    root = pathlib.Path(path).expanduser()
    if not root.is_dir():
        return ()
    used = {file.name for file in files.values()}
    names = [
        name
        for name in sorted(os.listdir(root))
        if name not in used
        and not name.startswith(".")
        and _ends(name, endings)
        and (root / name).is_file()
    ]
    if not names:
        return ()
    dots = ", ..." if len(names) > _SHOWN else ""
    files_are = "file is" if len(names) == 1 else "files are"
    return (
        f"{len(names)} {files_are} not read, being named after no split "
        f"({', '.join(names[:_SHOWN])}{dots})",
    )


def _found(
    root: pathlib.Path, prefix: str, endings: Sequence[str]
) -> dict[str, pathlib.Path]:
    """The file of each split among those that begin with a prefix."""
    listed = sorted(os.listdir(root)) if root.is_dir() else []
    found: dict[str, pathlib.Path] = {}
    for name in listed:
        stem = _stem(name, prefix, endings)
        split = split_of(stem) if stem[:1].isalnum() else ""
        if split in found:
            raise UserError(
                f"{root} must hold one {split} file, got "
                f"{found[split].name} and {name}: move one away."
            )
        if split:
            found[split] = root / name
    return found


def _stem(name: str, prefix: str, endings: Sequence[str]) -> str:
    """What of a file's name is between prefix and ending; empty: nothing."""
    ending = _ends(name, endings)
    if not name.startswith(prefix) or not ending:
        return ""
    stem = name[len(prefix) : len(name) - len(ending)]
    return re.sub("^[-_.]", "", stem) if prefix else stem


def _ends(name: str, endings: Sequence[str]) -> str:
    """The ending that a file has, with its dot; empty: none of these."""
    lower = name.casefold()
    return next((f".{e}" for e in endings if lower.endswith(f".{e}")), "")
