"""Parquet files, also in shards, of numbers or of texts."""

import itertools
import os
import pathlib
import re
from collections.abc import Mapping, Sequence

from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.split_discovery import (
    split_files,
    split_of,
    unread_files,
)
from keras_ptft.data.sources.table_files import maker_of
from keras_ptft.data.sources.tables import of_tables
from keras_ptft.data.tables.shards import Shards
from keras_ptft.data.tables.table import Table, open_table
from keras_ptft.errors import UserError

_ENDINGS = ["parquet"]
# Hugging Face may put a checksum behind
_SHARD = re.compile(
    r"(.+?)-(\d{5})-of-(\d{5})(?:-[0-9a-f]+)?\.parquet", re.IGNORECASE
)


def parquet(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Rows of Parquet files: numbers or a text, and a column of labels.

    With --text_column the rows are the texts of that column, or of several;
    an empty --label_column leaves them unlabelled. Without it all columns
    but --label_column and --group_column are numbers. With --image_column
    they are the images whose files it names; images in Parquet itself are
    not read. Labels may be numbers or sets, as in CSV, and sets also lists.

    Args:
        loading: the settings of the run.
        path: a file, split by the content of its rows; a folder with
            train.parquet, test.parquet and dev.parquet, or other usual names
            of splits, or with shards as train-00000-of-00002.parquet; or
            what the names of such files begin with.
        test_fraction: fraction of the rows held out for testing if there is
            no test file.

    Raises:
        UserError: a missing file, shard or column, a cell that is no finite
            number, an empty label, no rows, or a label that training lacks.
    """
    tables, notes = _tables(path)
    make = maker_of(loading, "parquet", of_tables)
    return make(loading, tables, test_fraction).noting(*notes)


def _tables(path: str) -> tuple[dict[str, Table], tuple[str, ...]]:
    """The table of each split, and a note on files that are not read."""
    shards = _shards(pathlib.Path(path).expanduser())
    if not shards:
        files = split_files(path, _ENDINGS, "Parquet")
        shards = {split: [file] for split, file in files.items()}
    tables = {split: _together(files) for split, files in shards.items()}
    used = itertools.chain.from_iterable(shards.values())
    return tables, unread_files(path, {f.name: f for f in used}, _ENDINGS)


def _together(files: Sequence[pathlib.Path]) -> Table:
    tables = [open_table(file, "parquet") for file in files]
    return Shards(tables) if len(tables) > 1 else tables[0]


def _shards(root: pathlib.Path) -> dict[str, list[pathlib.Path]]:
    """The files of each split in a folder that has shards, in order."""
    names = sorted(os.listdir(root)) if root.is_dir() else []
    if not any(map(_SHARD.fullmatch, names)):
        return {}
    found: dict[str, dict[int, pathlib.Path]] = {}
    totals: dict[str, int] = {}
    for name in names:
        split, number, total = _part(name)
        if not split:
            continue
        files = found.setdefault(split, {})
        if totals.setdefault(split, total) != total or number in files:
            raise UserError(
                f"{root} must hold one set of {split} files, got "
                f"{next(iter(files.values())).name} and {name}: move one away."
            )
        files[number] = root / name
    _check_complete(root, found, totals)
    return {
        split: [files[n] for n in sorted(files)]
        for split, files in found.items()
    }


def _part(name: str) -> tuple[str, int, int]:
    """The split of a file, the number of its shard, and how many it has."""
    match = _SHARD.fullmatch(name)
    if match:
        return split_of(match[1]), int(match[2]), int(match[3])
    stem, ending = os.path.splitext(name)
    is_one = ending.lower() == ".parquet" and not name.startswith(".")
    return split_of(stem) if is_one else "", 0, 1


def _check_complete(
    root: pathlib.Path,
    found: Mapping[str, Mapping[int, pathlib.Path]],
    totals: Mapping[str, int],
) -> None:
    if "train" not in found:
        raise UserError(
            f"{root} must hold train shards, got {', '.join(found) or 'none'}: "
            "add them."
        )
    for split, files in found.items():
        if sorted(files) != list(range(totals[split])):
            raise UserError(
                f"{root} must hold all {totals[split]} {split} shards, got "
                f"{len(files)}: add the others."
            )
