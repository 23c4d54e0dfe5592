"""Columns in memory, as a dict of lists or a DataFrame holds them."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft.data.tables.base import Row, Table
from keras_ptft.errors import UserError


class ColumnsTable(Table):
    """A table that was not read from a file.

    Args:
        columns: a name and the cells of each, all as many.
        name: what the table is called in errors and notes.

    Raises:
        UserError: columns of several axes, or of different lengths.

    Example:

    >>> table = ColumnsTable({"age": [31, 40], "name": ["Ada", "Bo"]}, "people")
    >>> list(table.rows(["name", "age"]))
    [(1, ('Ada', 31)), (2, ('Bo', 40))]
    """

    unit = "row"

    def __init__(self, columns: Mapping[str, Any], name: str) -> None:
        super().__init__(pathlib.Path(name), list(columns))
        self._columns = [np.asarray(column) for column in columns.values()]
        shapes = {column.shape for column in self._columns}
        if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
            found = ", ".join(
                f"{name!r} of shape {column.shape}"
                for name, column in zip(columns, self._columns, strict=True)
            )
            raise UserError(
                f"Expected columns of one axis and of the same length in "
                f"{self.path}, got {found}: correct them."
            )

    def _cells(self, places: Sequence[int]) -> Iterator[Row]:
        chosen = [self._columns[place].tolist() for place in places]
        yield from enumerate(zip(*chosen, strict=True), 1)
