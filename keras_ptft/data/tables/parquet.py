"""Tables in Parquet files."""

import contextlib
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from keras_ptft.data.tables.base import Row, Table
from keras_ptft.errors import UserError, on_one_line

_BATCH = 1024
# else all rows of a group are held, which may be all of the file
_STREAMED = {"pre_buffer": False, "buffer_size": 2**18}


class ParquetTable(Table):
    """A Parquet file, read in batches of rows.

    Args:
        path: the file.
    """

    unit = "row"

    def __init__(self, path: pathlib.Path) -> None:
        if not path.is_file():
            raise UserError(f"No Parquet file {str(path)!r}: give a file.")
        with _opened(path) as file:
            schema = file.schema_arrow
            self._stored = list(schema.names)
            self._images = {
                place
                for place, kind in enumerate(schema.types)
                if _is_image(kind)
            }
        super().__init__(path, self._stored)

    def find(self, column: str, setting: str = "") -> int:
        place = super().find(column, setting)
        if place in self._images:
            raise UserError(
                f"{self.path}, column {column!r}: expected text or numbers, "
                "got images in Parquet, which are not read: save them as "
                "files and use --dataset=folder:PATH."
            )
        return place

    def _cells(self, places: Sequence[int]) -> Iterator[Row]:
        names = [self._stored[place] for place in places]
        number = 0
        with _opened(self.path) as file:
            batches = file.iter_batches(
                _BATCH, columns=list(dict.fromkeys(names)), use_threads=False
            )
            for batch in batches:
                cells = [batch.column(name).to_pylist() for name in names]
                for row in zip(*cells, strict=True):
                    number += 1
                    yield number, row


def _is_image(kind: Any) -> bool:
    """Whether a column is as Hugging Face keeps images."""
    import pyarrow.types

    return pyarrow.types.is_struct(kind) and (
        {field.name for field in kind} == {"bytes", "path"}
    )


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[Any]:
    # a second to import, and most tables are text
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path, **_STREAMED) as file:
            yield file
    except UserError:
        raise
    # a damaged file can raise anything
    except Exception as error:
        raise UserError(
            f"Cannot read {path}, expected a Parquet file: "
            f"{on_one_line(error).rstrip('.')}."
        ) from None
