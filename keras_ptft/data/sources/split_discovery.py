"""Finds the files that hold the splits of a data set."""

import os
import pathlib
import re
from collections.abc import Mapping, Sequence

from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.core.splits import split_test
from keras_ptft.errors import UserError

_NAMES = {
    "train": "train",
    "validation": "validation|valid|val|dev",
    "test": "test",
}


def split_files(
    path: str, endings: Sequence[str], kind: str
) -> dict[str, pathlib.Path]:
    """Finds the file of each split; there may be only "train".

    Args:
        path: a file; a folder with train.tsv, and perhaps test.tsv and
            dev.tsv; or what the names of such files begin with, as
            "data/zho_Hans" of data/zho_Hans_train.tsv.
        endings: of the files' names, as "tsv".
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
        found = _found(root.parent, f"{re.escape(root.name)}[-_.]?", endings)
    if "train" not in found:
        wanted = f"train.{endings[0]}"
        missing = root / wanted if root.is_dir() else root
        raise UserError(
            f"No {kind} file {str(missing)!r}: give a file, a folder with "
            f"{wanted} and test.{endings[0]}, or what the names of such "
            "files begin with."
        )
    return found


def with_test(
    sources: Mapping[str, Source], names: tuple[str, ...], fraction: float
) -> Dataset:
    """Makes a data set; if there is no test split, train is split."""
    if "test" in sources:
        return Dataset(dict(sources), names)
    whole = split_test(sources["train"], names, fraction)
    rest = {k: part for k, part in sources.items() if k != "train"}
    return whole.with_splits(**rest)


def _found(
    root: pathlib.Path, prefix: str, endings: Sequence[str]
) -> dict[str, pathlib.Path]:
    ending = "|".join(map(re.escape, endings))
    listed = sorted(os.listdir(root)) if root.is_dir() else []
    found = {}
    for split, names in _NAMES.items():
        pattern = re.compile(rf"{prefix}(?:{names})\.(?:{ending})")
        files = [name for name in listed if pattern.fullmatch(name)]
        if len(files) > 1:
            raise UserError(
                f"{root} must hold one {split} file, got "
                f"{' and '.join(files)}: move one away."
            )
        if files:
            found[split] = root / files[0]
    return found
