"""Texts in tables: TSV and JSON Lines, and what CSV and Parquet share."""

import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_ptft.data.core.account import LeftOut
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.sources.table_files import read_files
from keras_ptft.data.sources.table_labels import (
    LabelReader,
    label_reader,
    without_missing_labels,
)
from keras_ptft.data.tables.labels import as_group, as_text, as_value
from keras_ptft.data.tables.table import Table
from keras_ptft.data.text.pairs import joined
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import InMemoryTexts
from keras_ptft.errors import UserError


def tsv(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Texts in tab-separated files.

    The first line names the columns; --text_column ("text" unless set) and
    --label_column choose. Several text columns make one text. An empty
    --label_column leaves the texts unlabelled. Quotes are characters like
    others. With --image_column the rows are the images that it names. Labels
    are the text of the file; or numbers or sets of labels, as in CSV.

    Args:
        loading: the settings of the run.
        path: a file, split by the content of its texts; a folder with
            train.tsv, test.tsv and dev.tsv, or other usual names of splits;
            or what the names of such files begin with, as "sib200/zho_Hans"
            of sib200/zho_Hans_train.tsv and so on.
        test_fraction: fraction of the texts held out for testing if there
            is no test file.

    Raises:
        UserError: a missing file or column, a ragged row, a missing label,
            or text that is not UTF-8.
    """
    return read_files(loading, path, "tsv", test_fraction, of_texts)


def jsonl(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Texts in files of one JSON object a line.

    --text_column ("text" unless set) and --label_column name their keys;
    several text columns make one text, and an empty --label_column leaves
    the texts unlabelled. With --image_column the rows are the images that it
    names. Labels are text, whole numbers or truth values; or numbers or sets
    of labels, as in CSV, where sets may also be lists.

    Args:
        loading: the settings of the run.
        path: a file, split by the content of its texts; a folder with
            train.jsonl, test.jsonl and dev.jsonl, or other usual names of
            splits; or what the names of such files begin with.
        test_fraction: fraction of the texts held out for testing if there
            is no test file.

    Raises:
        UserError: a missing file or key, a line that is not JSON, or text
            that is not UTF-8.
    """
    return read_files(loading, path, "jsonl", test_fraction, of_texts)


def texts_in(loading: Loading) -> bool:
    """Returns whether a table that may hold numbers is one of texts."""
    trained = loading.trained
    return bool(loading.text_columns) or bool(trained and trained.is_text)


def of_texts(
    loading: Loading, tables: Mapping[str, Table], test_fraction: float
) -> Dataset:
    """Returns the data set of tables of texts.

    Args:
        loading: the settings of the run.
        tables: split to the table of its examples.
        test_fraction: of train, if there is no table for testing.

    Raises:
        UserError: see `tsv`.
    """
    loading, unlabelled = without_missing_labels(loading, tables.values())
    columns = _text_columns(loading)
    reader = label_reader(loading)
    parts = {
        split: _read(table, columns, reader, loading)
        for split, table in tables.items()
    }
    found = reader.encode(
        {split: part.labels for split, part in parts.items()},
        {split: str(table.path) for split, table in tables.items()},
    )
    notes = [note for table in tables.values() for note in table.notes]
    return Dataset(
        {
            split: _source(part, found.labels[split], found.values[split])
            for split, part in parts.items()
        },
        found.names,
        test_fraction=test_fraction,
        columns=columns,
        left_out=blank_rows(tables),
        notes=tuple(dict.fromkeys([*unlabelled, *notes, *found.notes])),
        target_name=found.target_name,
    )


def blank_rows(tables: Mapping[str, Table]) -> tuple[LeftOut, ...]:
    """Accounts for the blank rows of tables that were read."""
    several = len(tables) > 1
    return tuple(
        LeftOut("without content", table.blank, split=split if several else "")
        for split, table in tables.items()
        if table.blank
    )


class _TableTexts(InMemoryTexts):
    """Texts that are known by the row of the table they come from."""

    def __init__(self, table: Table) -> None:
        super().__init__(table.path)
        self._table = table

    def name_of(self, index: int) -> str:
        return self._table.place(self._lines[index])


class _Part(NamedTuple):
    """One table as it was read; what is not asked for is empty."""

    texts: _TableTexts
    labels: list[Any]
    groups: array.array
    by: list[str]


def _text_columns(loading: Loading) -> tuple[str, ...]:
    trained = loading.trained.columns if loading.trained else ()
    return loading.text_columns or trained or ("text",)


def _read(
    table: Table,
    columns: Sequence[str],
    reader: LabelReader,
    loading: Loading,
) -> _Part:
    group, by = loading.group_column, loading.by_column
    chosen = [
        *((column, "--text_column") for column in columns),
        *((column, reader.setting) for column in reader.columns),
        *([(group, "--group_column")] if group else []),
        *([(by, "--by")] if by else []),
    ]
    for column, setting in chosen:
        table.find(column, setting)
    part = _Part(_TableTexts(table), [], array.array("Q"), [])
    count = len(columns)
    end = count + len(reader.columns)
    for number, cells in table.rows([column for column, _ in chosen]):
        pieces = [
            as_text(cell, table, number, column)
            for cell, column in zip(cells[:count], columns, strict=True)
        ]
        part.texts.append(joined(pieces).encode(), number)
        part.labels.append(reader.read(cells[count:end], table, number))
        if group:
            text = as_group(cells[end], table, number, group)
            part.groups.append(int(content_hash(text.encode())))
        if by:
            part.by.append(as_value(cells[-1]))
    if not len(part.texts):
        raise UserError(f"{table.path} has no rows: add some.")
    return part


def _source(
    part: _Part, labels: np.ndarray, values: np.ndarray | None
) -> TextSource:
    source = TextSource(part.texts, labels)
    source.values = values
    if part.groups:
        source.groups = np.array(part.groups, np.uint64)
    if part.by:
        source.by = np.array(part.by, object)
    return source
