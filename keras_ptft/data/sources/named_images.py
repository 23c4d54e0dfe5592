"""Reads which images a table names, and their labels."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.sources.table_labels import LabelReader
from keras_ptft.data.tables.labels import (
    as_filled,
    as_group,
    as_text,
    as_value,
)
from keras_ptft.data.tables.table import Table
from keras_ptft.errors import UserError

_IMAGE, _GROUP, _BY = "--image_column", "--group_column", "--by"


@dataclasses.dataclass
class NamedImages:
    """The images that the table of one split names.

    Attributes:
        table: the table.
        paths: of the files that are there, one an example.
        labels: of each, as the `LabelReader` reads them.
        groups: of each, empty without a column of them.
        by: what each has in the column that is asked for, if one is.
        numbers: of the row of each.
        missing: what a user knows each row by whose file is not there.
        missing_labels: of each of these.
    """

    table: Table
    paths: list[pathlib.Path] = dataclasses.field(default_factory=list)
    labels: list[Any] = dataclasses.field(default_factory=list)
    groups: list[str] = dataclasses.field(default_factory=list)
    by: list[str] = dataclasses.field(default_factory=list)
    numbers: list[int] = dataclasses.field(default_factory=list)
    missing: list[str] = dataclasses.field(default_factory=list)
    missing_labels: list[Any] = dataclasses.field(default_factory=list)

    def place(self, index: int) -> str:
        """Returns what a user knows the row of an image by."""
        return self.table.place(self.numbers[index])


def read_named(
    tables: Mapping[str, Table],
    bases: Mapping[str, pathlib.Path],
    reader: LabelReader,
    loading: Loading,
) -> dict[str, NamedImages]:
    """Reads the tables of all splits.

    Args:
        tables: split to its table.
        bases: split to the folder that its paths begin in.
        reader: of their labels.
        loading: the settings of the run.

    Raises:
        UserError: no such column, an empty cell, a file that is not there
            and shall not be skipped, or two labels for one file.
    """
    found = {
        split: _read(table, bases[split], reader, loading)
        for split, table in tables.items()
    }
    absent = [place for part in found.values() for place in part.missing]
    count = len(absent) + sum(len(part.paths) for part in found.values())
    if absent and not loading.skip_bad_images:
        raise UserError(
            f"{absent[0]} is no file ({len(absent)} of {count} rows): correct "
            "the path or --image_root, or leave such rows out by "
            "--skip_bad_images."
        )
    for part in found.values():
        if not part.paths:
            raise UserError(
                f"{part.table.path} names no image that is there: add rows."
            )
    return found


def repeated(found: Mapping[str, NamedImages]) -> int:
    """Counts the rows that name a file which a row before them names.

    Raises:
        UserError: they have another label.
    """
    first: dict[str, tuple[NamedImages, int]] = {}
    count = 0
    for part in found.values():
        for index, path in enumerate(part.paths):
            before, at = first.setdefault(os.path.abspath(path), (part, index))
            if before is part and at == index:
                continue
            count += 1
            if part.labels[index] != before.labels[at]:
                raise UserError(
                    f"{part.place(index)}: {path} has label "
                    f"{part.labels[index]!r}, but {before.labels[at]!r} in "
                    f"{before.place(at)}: keep one."
                )
    return count


def _read(
    table: Table, base: pathlib.Path, reader: LabelReader, loading: Loading
) -> NamedImages:
    columns = {
        setting: name
        for setting, name in (
            (_IMAGE, loading.image_column),
            (_GROUP, loading.group_column),
            (_BY, loading.by_column),
        )
        if name
    }
    for setting, name in columns.items():
        table.find(name, setting)
    for name in reader.columns:
        table.find(name, reader.setting)
    part, count = NamedImages(table), len(columns)
    for number, row in table.rows([*columns.values(), *reader.columns]):
        cells = dict(zip(columns, row[:count], strict=True))
        name = _as_path(cells[_IMAGE], table, number, loading.image_column)
        label = reader.read(row[count:], table, number)
        _add(part, number, base / name, label)
        if part.numbers[-1:] != [number]:
            continue
        if _GROUP in cells:
            group = as_group(cells[_GROUP], table, number, columns[_GROUP])
            part.groups.append(group)
        if _BY in cells:
            part.by.append(as_value(cells[_BY]))
    return part


def _add(
    part: NamedImages, number: int, path: pathlib.Path, label: Any
) -> None:
    # whatever a cell holds, this does not raise
    if not os.path.isfile(path):
        part.missing.append(f"{part.table.place(number)}: {path}")
        part.missing_labels.append(label)
        return
    part.paths.append(path)
    part.labels.append(label)
    part.numbers.append(number)


def _as_path(cell: Any, table: Table, number: int, column: str) -> str:
    text = as_text(cell, table, number, column)
    return as_filled(text, table, number, column)
