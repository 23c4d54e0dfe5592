"""Vectors in tables, found by the names of their columns."""

import itertools
import pathlib
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.classes import listed
from keras_ptft.data.tables.delimited import CsvTable, TsvTable
from keras_ptft.data.tables.numbers import is_number, to_numbers
from keras_ptft.data.tables.table import Table, open_table
from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.array_files import cast_array, fitting_array
from keras_ptft.serving.inputs.table_rows import rows_of


def table_batches(
    path: pathlib.Path,
    spec: tf.TensorSpec,
    columns: Sequence[str],
    batch_size: int,
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Reads rows of numbers in batches.

    Args:
        path: a `.csv`, `.tsv`, `.jsonl` or `.parquet` file.
        spec: the model's input, without the batch axis.
        columns: those of the table that the model was trained on, in order,
            which may have another order here, and others beside them; none:
            all columns are taken in the order of the table, which may come
            without a heading.
        batch_size: largest number of rows in a batch.

    Yields:
        A name for each row, and the rows, of spec's dtype.

    Raises:
        UserError: a column is missing, a cell is no number, or the model
            does not take as many.
    """
    table = _opened(path, spec, columns)
    yield from row_batches(table, spec, columns, batch_size)


def row_batches(
    table: Table,
    spec: tf.TensorSpec,
    columns: Sequence[str],
    batch_size: int,
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Reads rows of numbers of an opened table, as `table_batches` does.

    Args:
        table: as it was opened.
        spec: as in `table_batches`.
        columns: as in `table_batches`.
        batch_size: as in `table_batches`.

    Yields:
        As `table_batches` does.

    Raises:
        UserError: see `table_batches`.
    """
    _check_count(table, spec, columns)
    wanted = columns or table.columns
    rows = rows_of(table, wanted, trained=bool(columns))
    for start in itertools.count(0, batch_size):
        some = list(itertools.islice(rows, batch_size))
        if not some and start:
            return
        array = to_numbers(some, wanted, table)
        array = fitting_array(table.path, array, spec)
        names = [f"{table.path}[{start + index}]" for index in range(len(some))]
        yield names, cast_array(table.path, array, spec)


def _opened(
    path: pathlib.Path, spec: tf.TensorSpec, columns: Sequence[str]
) -> Table:
    if columns:
        return open_table(path, heading=columns)
    size = spec.shape.num_elements() or 0
    # names that nobody gives a column
    table = open_table(path, heading=[f"#{n + 1}" for n in range(size)])
    numbers = filter(is_number, table.columns)
    if isinstance(table, CsvTable | TsvTable) and (first := next(numbers, "")):
        # a row that is wrong, or a heading? A row is not to be lost
        raise UserError(
            f"{path}, line 1: expected {size} numbers, or names of columns "
            f"that are no numbers, got {first!r} among {len(table.columns)} "
            "cells: correct it."
        )
    return table


def _check_count(
    table: Table, spec: tf.TensorSpec, columns: Sequence[str]
) -> None:
    """Refuses more or fewer columns than the model takes numbers."""
    size = spec.shape.num_elements() or 0
    if columns and len(columns) != size:
        raise UserError(
            f"The model takes {size} numbers, but objective.json beside it "
            f"names {len(columns)} columns: restore the file that was written "
            "with the model."
        )
    if not columns and len(table.columns) != size:
        raise UserError(
            f"Expected {size} columns of numbers in {table.path}, as the model "
            f"takes shape {tuple(spec.shape)}, got {len(table.columns)}: "
            f"{listed(table.columns)}."
        )
