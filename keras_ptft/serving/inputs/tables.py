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
    wanted = columns or table.columns
    rows = rows_of(table, wanted, trained=bool(columns))
    for start in itertools.count(0, batch_size):
        some = list(itertools.islice(rows, batch_size))
        if not some and start:
            return
        array = to_numbers(some, wanted, table)
        array = fitting_array(path, array, spec)
        names = [f"{path}[{start + index}]" for index in range(len(some))]
        yield names, cast_array(path, array, spec)


def _opened(
    path: pathlib.Path, spec: tf.TensorSpec, columns: Sequence[str]
) -> Table:
    size = spec.shape.num_elements() or 0
    if columns and len(columns) != size:
        raise UserError(
            f"The model takes {size} numbers, but objective.json beside it "
            f"names {len(columns)} columns: restore the file that was written "
            "with the model."
        )
    if columns:
        return open_table(path, heading=columns)
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
    if len(table.columns) != size:
        raise UserError(
            f"Expected {size} columns of numbers in {path}, as the model "
            f"takes shape {tuple(spec.shape)}, got {len(table.columns)}: "
            f"{listed(table.columns)}."
        )
    return table
