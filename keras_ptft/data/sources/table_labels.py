"""The labels of a table's rows: classes, numbers or sets.

What they are is known from the objective, before a table is opened.
"""

import abc
import dataclasses
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.data.core.dataset import Loading
from keras_ptft.data.core.labels import (
    encode_labels,
    sorted_names,
    unknown_label,
)
from keras_ptft.data.core.targets import CLASSES, NUMBERS, SETS
from keras_ptft.data.tables.labels import as_label
from keras_ptft.data.tables.table import Table
from keras_ptft.data.tables.targets import as_flag, as_number, as_set
from keras_ptft.errors import UserError

# what else may stand between labels
_OTHER_SIGNS = re.compile(r"[,|/]")
_COLUMN, _COLUMNS = "--label_column", "--label_columns"


class Encoded(NamedTuple):
    """What is to be predicted, split by split.

    Attributes:
        labels: int64 of shape (examples,), as `Source.labels`.
        values: as `Source.values`, or None.
        names: of the labels.
        target_name: of the number to be predicted.
        notes: what is doubtful, a sentence each.
    """

    labels: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray | None]
    names: tuple[str, ...] = ()
    target_name: str = ""
    notes: tuple[str, ...] = ()


class LabelReader(abc.ABC):
    """Reads what is to be predicted from the rows of tables.

    Attributes:
        columns: the columns it reads; none: rows have no labels.
        setting: what the user chooses them by.
    """

    columns: tuple[str, ...]
    setting: str = _COLUMN

    @abc.abstractmethod
    def read(self, cells: Sequence[Any], table: Table, number: int) -> Any:
        """Returns the label of one row; equal labels are equal.

        Args:
            cells: of `columns`.
            table: where they stand, for errors.
            number: of the row, for errors.

        Raises:
            UserError: a cell that holds no label.
        """

    @abc.abstractmethod
    def encode(
        self, parts: Mapping[str, Sequence[Any]], where: Mapping[str, str]
    ) -> Encoded:
        """Returns labels as arrays.

        Args:
            parts: split to what `read` returned for each example.
            where: split to what an error calls it, such as its file.

        Raises:
            UserError: a label that the training split lacks.
        """


class _Classes(LabelReader):
    """One label an example, the text of a cell."""

    def __init__(self, loading: Loading) -> None:
        self.columns = (loading.label_column,) if loading.label_column else ()

    def read(self, cells: Sequence[Any], table: Table, number: int) -> str:
        if not self.columns:
            return ""
        text = as_label(cells[0], table, number, self.columns[0])
        return sys.intern(text)

    def encode(
        self, parts: Mapping[str, Sequence[str]], where: Mapping[str, str]
    ) -> Encoded:
        none = dict.fromkeys(parts)
        if not self.columns:
            return Encoded(_zeros(parts), none)
        labels, names = encode_labels(parts, where)
        return Encoded(labels, none, names)


class _Numbers(LabelReader):
    """A number an example."""

    def __init__(self, loading: Loading) -> None:
        if not loading.label_column:
            raise UserError(
                "The objective learns a number an example, but --label_column "
                "is empty: name the column that holds it."
            )
        self.columns = (loading.label_column,)

    def read(self, cells: Sequence[Any], table: Table, number: int) -> float:
        return as_number(cells[0], table, number, self.columns[0])

    def encode(
        self, parts: Mapping[str, Sequence[float]], where: Mapping[str, str]
    ) -> Encoded:
        del where
        values = {k: np.array(part, np.float32) for k, part in parts.items()}
        name = self.columns[0]
        return Encoded(_zeros(parts), values, target_name=name)


class _Sets(LabelReader):
    """Any number of labels an example: a column each, or one of lists."""

    def __init__(self, loading: Loading) -> None:
        self._trained = loading.trained.label_names if loading.trained else ()
        self._flags = loading.label_columns
        self.columns = self._flags or (loading.label_column,)
        if self._flags:
            self.setting = _COLUMNS
        if not all(self.columns):
            raise UserError(
                "The objective learns sets of labels, but --label_column and "
                "--label_columns are empty: name the columns that hold them."
            )
        if twice := {n for n in self.columns if self.columns.count(n) > 1}:
            raise UserError(
                f"--label_columns must name each column once, got "
                f"{min(twice)!r} twice: leave one out."
            )

    def read(
        self, cells: Sequence[Any], table: Table, number: int
    ) -> tuple[str, ...]:
        if not self._flags:
            return as_set(cells[0], table, number, self.columns[0])
        return tuple(
            name
            for name, cell in zip(self.columns, cells, strict=True)
            if as_flag(cell, table, number, name)
        )

    def encode(
        self,
        parts: Mapping[str, Sequence[tuple[str, ...]]],
        where: Mapping[str, str],
    ) -> Encoded:
        trained = (label for labels in parts["train"] for label in labels)
        names = self._trained or self._flags or sorted_names(trained)
        values: dict[str, np.ndarray | None] = {
            split: _indicators(part, names, where.get(split, split))
            for split, part in parts.items()
        }
        notes = () if self._flags else self._joined(parts, names)
        return Encoded(_zeros(parts), values, names, notes=notes)

    def _joined(
        self,
        parts: Mapping[str, Sequence[tuple[str, ...]]],
        names: Sequence[str],
    ) -> tuple[str, ...]:
        """A note on what may be several labels with another sign between."""
        found = [name for name in names if _OTHER_SIGNS.search(name)]
        counts = (len(labels) for part in parts.values() for labels in part)
        most = max(counts, default=0)
        if most > 1 or not found:
            return ()
        return (
            f"no example has several labels in {self.columns[0]!r}, where "
            f"semicolons separate them: {found[0]!r} is taken for one",
        )


READERS: dict[str, Callable[[Loading], LabelReader]] = {
    CLASSES: _Classes,
    NUMBERS: _Numbers,
    SETS: _Sets,
}


def label_reader(loading: Loading) -> LabelReader:
    """Returns what reads the labels that the objective learns.

    Args:
        loading: the settings of the run.

    Raises:
        UserError: no column is named.
    """
    return READERS[loading.label_kind](loading)


def without_missing_labels(
    loading: Loading, tables: Iterable[Table]
) -> tuple[Loading, tuple[str, ...]]:
    """Leaves out a column of labels that is neither there nor needed.

    A column that the user names must be there.

    Args:
        loading: the settings of the run.
        tables: those of all splits.

    Returns:
        The settings, and a note where it is left out.
    """
    column = loading.label_column
    if loading.needs_labels or column != Loading.label_column:
        return loading, ()
    if any(column in table.columns for table in tables):
        return loading, ()
    note = f"there is no column {column!r}: examples have no labels"
    return dataclasses.replace(loading, label_column=""), (note,)


def _zeros(parts: Mapping[str, Sequence[Any]]) -> dict[str, np.ndarray]:
    return {k: np.zeros(len(part), np.int64) for k, part in parts.items()}


def _indicators(
    part: Sequence[tuple[str, ...]], names: Sequence[str], where: str
) -> np.ndarray:
    """1 for each label that an example has, float32 (examples, labels)."""
    codes = {name: index for index, name in enumerate(names)}
    values = np.zeros((len(part), len(names)), np.float32)
    for row, labels in zip(values, part, strict=True):
        for label in labels:
            if label not in codes:
                raise unknown_label(label, names, where)
            row[codes[label]] = 1
    return values
