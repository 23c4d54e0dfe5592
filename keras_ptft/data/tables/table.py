"""Opens tables by their format."""

import os
import pathlib
from collections.abc import Sequence

from keras_ptft.data.tables.base import Row, Table
from keras_ptft.data.tables.delimited import CsvTable, TsvTable
from keras_ptft.data.tables.json_lines import JsonLinesTable
from keras_ptft.data.tables.parquet import ParquetTable
from keras_ptft.errors import UserError

__all__ = ["TABLES", "Row", "Table", "open_table"]

TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
"""What names of tables end in."""


def open_table(
    path: str | os.PathLike,
    kind: str = "",
    *,
    heading: Sequence[str] | None = None,
) -> Table:
    """Opens a table and reads its heading.

    Args:
        path: the file.
        kind: "csv", "tsv", "jsonl" or "parquet"; empty: by the file's name.
        heading: columns of the table that a model was trained on, if the
            file may be without names: then a first line of CSV or TSV that
            is nothing but numbers, as many as these, is a row of them.

    Returns:
        The table, whose rows are still to be read.

    Raises:
        UserError: another ending, no such file, an empty one, or one that
            is not of its format.
    """
    path = pathlib.Path(path).expanduser()
    kind = kind or path.suffix.lower().removeprefix(".")
    if f".{kind}" not in TABLES:
        raise UserError(
            f"{path} must be a table, a file ending in {', '.join(TABLES)}: "
            "convert or rename it."
        )
    if kind == "parquet":
        return ParquetTable(path)
    if kind == "jsonl":
        return JsonLinesTable(path)
    delimited = CsvTable if kind == "csv" else TsvTable
    return delimited(path, heading)
