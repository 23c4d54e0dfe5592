"""Tables of one JSON object a line."""

import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from keras_ptft.data.tables.base import Row, Table
from keras_ptft.data.text.files import TextFile, decoded_lines, text_file
from keras_ptft.errors import UserError, first_line

SHOWN = 60
"""As many characters of a value are shown in an error."""


class JsonLinesTable(Table):
    """A file of JSON objects, whose keys are the columns.

    The keys of the first object are the columns; later ones need those that
    are asked for alone.

    Args:
        path: the file, in UTF-8.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._file = text_file(path)
        lines = _objects(self._file)
        first = next((row for _, row in lines if row is not None), {})
        self._keys = list(first)
        super().__init__(path, self._keys)

    def _cells(self, places: Sequence[int]) -> Iterator[Row]:
        self.blank = 0
        keys = [self._keys[place] for place in places]
        for line, row in _objects(self._file):
            if row is None:
                self.blank += 1
                continue
            for key in keys:
                if key not in row:
                    raise self._lacking(key, line)
            yield line, tuple([row[key] for key in keys])

    def _lacking(self, key: str, line: int) -> UserError:
        return UserError(
            f"{self.place(line)}: no key {key!r}, which the first object "
            "has: add it."
        )


def shown(value: Any) -> str:
    """Returns a value of a cell for an error, as JSON and not too long.

    Example:

    >>> shown(None), shown("猫"), shown([0] * 99)[-9:]
    ('null', '"猫"', ' 0, 0,...')
    """
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _objects(file: TextFile) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yields the number and the object of each line, None where blank."""
    for line, text in enumerate(decoded_lines(file), 1):
        yield line, None if text.isspace() else _parsed(text, file, line)


def _parsed(text: str, file: TextFile, line: int) -> dict[str, Any]:
    try:
        row = json.loads(text)
        if isinstance(row, dict):
            return row
        got = shown(row)
    except (ValueError, RecursionError) as error:
        got = first_line(error)
    raise UserError(
        f"{file.path}, line {line}: expected a JSON object, got {got}: write "
        "one a line."
    )
