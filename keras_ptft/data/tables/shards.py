"""Files that are one table together."""

import bisect
from collections.abc import Iterator, Sequence

from keras_ptft.data.tables.base import Row, Table
from keras_ptft.errors import UserError


class Shards(Table):
    """Tables that follow each other, with the columns of the first.

    Rows are numbered through; `place` names the file and the row in it.

    Args:
        parts: the tables, in order.

    Raises:
        UserError: they have other columns than the first.
    """

    unit = "row"

    def __init__(self, parts: Sequence[Table]) -> None:
        first = parts[0]
        for part in parts:
            if set(part.columns) != set(first.columns):
                raise UserError(
                    f"{part.path} must have the columns of "
                    f"{first.path.name}, {', '.join(first.columns)}, got "
                    f"{', '.join(part.columns)}: make them alike."
                )
        self._parts = parts
        # how many rows were read before each part
        self._before = [0]
        super().__init__(first.path, first.columns, first.notes)

    def find(self, column: str, setting: str = "") -> int:
        self._parts[0].find(column, setting)
        return super().find(column, setting)

    def place(self, number: int) -> str:
        index = bisect.bisect_left(self._before, number) - 1
        return self._parts[index].place(number - self._before[index])

    def _cells(self, places: Sequence[int]) -> Iterator[Row]:
        columns = [self.columns[place] for place in places]
        self._before = []
        last = 0
        self.blank = 0
        for part in self._parts:
            self._before.append(last)
            for number, cells in part.rows(columns):
                last = self._before[-1] + number
                yield last, cells
            self.blank += part.blank
