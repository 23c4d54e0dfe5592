"""Tables of numbers, or of texts, with a column of labels."""

import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.classes import listed
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.sources.table_files import read_files
from keras_ptft.data.sources.table_labels import LabelReader, label_reader
from keras_ptft.data.sources.text_tables import blank_rows, of_texts, texts_in
from keras_ptft.data.tables.columns import check_columns, other_columns
from keras_ptft.data.tables.labels import as_group, as_value
from keras_ptft.data.tables.numbers import to_numbers
from keras_ptft.data.tables.table import Row, Table
from keras_ptft.errors import UserError

# fewer may count by chance
_FEWEST_COUNTED = 3


def table(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Rows of a CSV file: numbers or a text, and a column of labels.

    The first line names the columns, which are separated by commas,
    semicolons, tabs or bars. With --text_column the rows are the texts of
    that column; an empty --label_column leaves them unlabelled. Without it
    all columns but --label_column and --group_column are numbers, found by
    their names in every file. With --image_column they are the images that
    it names. Labels are the text of the file, or what --objective learns:
    the numbers of --label_column for "regression"; for "multi_label" the
    columns of 0 and 1 that --label_columns names, or the labels in
    --label_column with semicolons between them.

    Args:
        loading: the settings of the run.
        path: a file, split by the content of its rows; a folder with
            train.csv, test.csv and dev.csv, or other usual names of splits;
            or what the names of such files begin with, as "data/wine" of
            data/wine_train.csv and so on.
        test_fraction: fraction of the rows held out for testing if there is
            no test file.

    Raises:
        UserError: a missing file or column, a ragged row, a cell that is
            no finite number, an empty label, no rows, or a label that the
            training file lacks.
    """
    return read_files(loading, path, "csv", test_fraction, of_tables)


def of_tables(
    loading: Loading, tables: Mapping[str, Table], test_fraction: float
) -> Dataset:
    """Returns the data set of tables of numbers, or of texts.

    Args:
        loading: the settings of the run.
        tables: split to the table of its examples.
        test_fraction: of train, if there is no table for testing.

    Raises:
        UserError: see `table`.
    """
    if texts_in(loading):
        return of_texts(loading, tables, test_fraction)
    return _of_numbers(loading, tables, test_fraction)


class _Part(NamedTuple):
    """One table as it was read.

    Attributes:
        numbers: float32 of shape (rows, columns).
        labels: of each row.
        groups: hash of each row's group, if there are groups.
        rows: number of each row in the file.
        by: what each row has in the column that is asked for, if one is.
    """

    numbers: np.ndarray
    labels: list[Any]
    groups: array.array
    rows: array.array
    by: list[str]


class _TableSource(ArraySource):
    """Vectors that are known by the row of the table they come from."""

    def __init__(
        self,
        part: _Part,
        labels: np.ndarray,
        values: np.ndarray | None,
        table: Table,
    ) -> None:
        super().__init__(part.numbers, labels, name="vector", values=values)
        self._table, self._rows_there = table, part.rows
        if part.groups:
            self.groups = np.array(part.groups, np.uint64)
        if part.by:
            self.by = np.array(part.by, object)

    def name_of(self, index: int) -> str:
        return self._table.place(self._rows_there[index])


def _of_numbers(
    loading: Loading, tables: Mapping[str, Table], test_fraction: float
) -> Dataset:
    reader = label_reader(loading)
    used = [*reader.columns]
    used += [loading.group_column] if loading.group_column else []
    trained = loading.trained.columns if loading.trained else ()
    if loading.by_column and loading.by_column not in trained:
        used.append(loading.by_column)
    columns = _columns(loading, tables, reader, used)
    notes = [note for table in tables.values() for note in table.notes]
    for table in tables.values():
        notes += check_columns(table, columns, used)
    parts = {
        split: _read(table, columns, reader, loading)
        for split, table in tables.items()
    }
    found = reader.encode(
        {split: part.labels for split, part in parts.items()},
        {split: str(table.path) for split, table in tables.items()},
    )
    sources = {
        split: _TableSource(
            part, found.labels[split], found.values[split], tables[split]
        )
        for split, part in parts.items()
    }
    notes += found.notes
    if loading.trained is None:
        notes += _doubtful(parts["train"].numbers, columns)
    return Dataset(
        sources,
        found.names,
        test_fraction=test_fraction,
        columns=columns,
        left_out=blank_rows(tables),
        notes=tuple(dict.fromkeys(notes)),
        target_name=found.target_name,
    )


def _columns(
    loading: Loading,
    tables: Mapping[str, Table],
    reader: LabelReader,
    used: Sequence[str],
) -> tuple[str, ...]:
    """The columns of the numbers: those of training, or all that are left."""
    if not reader.columns:
        raise UserError(
            f"{tables['train'].path} must have labels, but --label_column is "
            "empty: name a column, or set --text_column for texts."
        )
    for table in tables.values():
        for column in reader.columns:
            table.find(column, reader.setting)
        if loading.group_column:
            table.find(loading.group_column, "--group_column")
        if loading.by_column:
            table.find(loading.by_column, "--by")
    if loading.trained is not None and loading.trained.columns:
        return loading.trained.columns
    columns = other_columns(tables["train"], used)
    if not columns:
        raise UserError(
            f"{tables['train'].path} must have a column of numbers beside "
            f"{' and '.join(map(repr, used))}: add one."
        )
    return columns


def _read(
    table: Table,
    columns: Sequence[str],
    reader: LabelReader,
    loading: Loading,
) -> _Part:
    labels: list[Any] = []
    groups, rows = array.array("Q"), array.array("q")
    group, by = loading.group_column, loading.by_column
    values: list[str] = []
    count, end = len(columns), len(columns) + len(reader.columns)

    def numbers() -> Iterator[Row]:
        asked = [*columns, *reader.columns, *filter(None, (group, by))]
        for number, cells in table.rows(asked):
            labels.append(reader.read(cells[count:end], table, number))
            rows.append(number)
            if group:
                text = as_group(cells[end], table, number, group)
                groups.append(int(content_hash(text.encode())))
            if by:
                values.append(as_value(cells[-1]))
            yield number, cells[:count]

    found = to_numbers(numbers(), columns, table)
    if not len(found):
        raise UserError(f"{table.path} has no rows: add some.")
    return _Part(found, labels, groups, rows, values)


def _doubtful(numbers: np.ndarray, columns: Sequence[str]) -> list[str]:
    """Notes of columns that tell nothing, or where a row stands."""
    notes = []
    for index, name in enumerate(columns):
        if _counts(numbers[:, index]):
            notes.append(
                f"column {name!r} counts the rows: leave it out if it is no "
                "feature"
            )
    same = (numbers == numbers[0]).all(axis=0)
    if same.any() and len(numbers) > 1:
        shown = [
            repr(name)
            for name, is_one in zip(columns, same, strict=True)
            if is_one
        ]
        notes.append(f"columns with one value in all rows: {listed(shown)}")
    return notes


def _counts(column: np.ndarray) -> bool:
    """Whether numbers are 0, 1, 2 and so on, or 1, 2, 3, in any order."""
    if len(column) < _FEWEST_COUNTED or column.min() not in (0, 1):
        return False
    counted = column.min() + np.arange(len(column), dtype=np.float32)
    return bool((np.sort(column) == counted).all())
