"""Rows of a user's tables, and what is said of the rest."""

import logging
from collections.abc import Iterator, Sequence

from keras_ptft.data.core.account import LeftOut
from keras_ptft.data.tables.base import Row, Table
from keras_ptft.data.tables.columns import check_columns

_LOG = logging.getLogger("keras_ptft")


def rows_of(
    table: Table, columns: Sequence[str], *, trained: bool
) -> Iterator[Row]:
    """Yields rows of some columns, and logs what of the table is left out.

    Args:
        table: as it was opened.
        columns: names of those that are read, in order.
        trained: whether these are the columns of training, so that others
            are worth a word.

    Raises:
        UserError: there is no such column, or a row is wrong.
    """
    notes = check_columns(table, columns) if trained else ()
    for note in (*table.notes, *notes):
        _LOG.info("%s.", note)
    yield from table.rows(columns)
    if table.blank:
        left = LeftOut("without content", table.blank)
        _LOG.info("%s: left out: %s.", table.path, left)
