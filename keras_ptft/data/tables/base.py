"""What all formats of tables have in common."""

import abc
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

Row = tuple[int, tuple[Any, ...]]
"""The number of a row, and its cells in the order that was asked for."""

# what pandas calls columns without a name, in CSV and in Parquet
_NAMELESS = re.compile(r"|Unnamed: \d+(?:\.\d+)?|__index_level_\d+__")
_NAMES_SHOWN = 20
_NAME_SHOWN = 60


class Table(abc.ABC):
    """An opened table, whose rows are read one after another.

    Reading is streamed, and begins anew at each call of `rows`. Subclasses
    implement `_cells`.

    Args:
        path: the file.
        names: of all its columns, as they stand in it.
        notes: what was guessed of it.

    Attributes:
        path: the file.
        columns: the names that can be asked for, in the order of the file;
            a name that stands there twice is here twice.
        notes: what was guessed or left out, a sentence each.
        blank: blank rows that the last reading passed over.
        unit: what rows are numbered by, "line" or "row".
    """

    unit = "line"

    def __init__(
        self,
        path: pathlib.Path,
        names: Sequence[str],
        notes: Sequence[str] = (),
    ) -> None:
        self.path = path
        self.blank = 0
        self._names = tuple(name.strip() for name in names)
        named = [not _NAMELESS.fullmatch(name) for name in self._names]
        self.columns = tuple(
            name
            for name, is_named in zip(self._names, named, strict=True)
            if is_named
        )
        self.notes = (
            *notes,
            *(
                f"column {number} of {path.name}{_called(name)} has no name "
                "and is left out"
                for number, name in enumerate(self._names, 1)
                if not named[number - 1]
            ),
        )

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yields the number of each row, and its cells of some columns.

        Args:
            columns: names; the cells come in this order.

        Yields:
            The number of the row's first line, from 1 (in Parquet of the
            row), and the cells: text in CSV and TSV, any value of JSON, or
            Python's values of Parquet, None for null.

        Raises:
            UserError: a column that is missing or stands there twice, a
                ragged row, or what the format does not allow.
        """
        places = [self.find(column) for column in columns]
        return self._cells(places)

    def find(self, column: str, setting: str = "") -> int:
        """Returns the place of a column, from 0.

        Args:
            column: its name.
            setting: what the user chooses it by, as "--label_column".

        Raises:
            UserError: it is missing, or stands there twice.
        """
        count = self.columns.count(column)
        if count == 1:
            return self._names.index(column)
        if not count:
            raise self._missing(column, setting)
        twice = [n for n, name in enumerate(self._names, 1) if name == column]
        raise UserError(
            f"{self.path} has {count} columns {column!r}, number "
            f"{' and '.join(map(str, twice))}: rename all but one."
        )

    def place(self, number: int) -> str:
        """Returns what a user knows a row by, from its number."""
        return f"{self.path}, {self.unit} {number}"

    @abc.abstractmethod
    def _cells(self, places: Sequence[int]) -> Iterator[Row]:
        """Yields the cells at some places of each row that is not blank."""

    def _missing(self, column: str, setting: str) -> UserError:
        named = ", ".join(map(_cut, self.columns[:_NAMES_SHOWN]))
        if len(self.columns) > _NAMES_SHOWN:
            named += f" and {len(self.columns) - _NAMES_SHOWN} more"
        remedy = f"choose by {setting} one of" if setting else "it has"
        # only these two may be without a column
        can_be_none = setting == "--label_column"
        return UserError(
            f"{self.path} has no column {column!r}"
            f"{nearest(column, self.columns)}: {remedy} "
            f"{named or 'none, it is empty'}"
            f"{' (empty: unlabelled texts)' if can_be_none else ''}."
        )


def _cut(name: str) -> str:
    """A name for an error, which a file without a heading makes long."""
    return name if len(name) <= _NAME_SHOWN else f"{name[:_NAME_SHOWN]}..."


def _called(name: str) -> str:
    return f" ({name})" if name else ""
