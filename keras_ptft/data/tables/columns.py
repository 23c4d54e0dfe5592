"""Columns chosen by name, the same in every file of a data set."""

from collections.abc import Sequence

from keras_ptft.data.core.classes import listed
from keras_ptft.data.tables.base import Table
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest


def other_columns(table: Table, without: Sequence[str]) -> tuple[str, ...]:
    """Returns the columns of a table, in order, but for some.

    Args:
        table: the table.
        without: those to leave out.

    Raises:
        UserError: one of the others stands there twice.
    """
    names = tuple(name for name in table.columns if name not in without)
    for name in names:
        table.find(name)
    return names


def check_columns(
    table: Table, wanted: Sequence[str], without: Sequence[str] = ()
) -> tuple[str, ...]:
    """Checks that a table has the columns of training, in whatever order.

    Args:
        table: which is to be read by the names of its columns.
        wanted: columns of training, in order.
        without: columns that are used otherwise, such as that of labels.

    Returns:
        Notes: columns that are left out, or that stand in another order.

    Raises:
        UserError: a column is missing, or stands there twice.
    """
    there = [name for name in table.columns if name not in without]
    extra = [name for name in there if name not in wanted]
    for name in wanted:
        if name not in there:
            raise UserError(
                f"{table.path} has no column {name!r}{nearest(name, extra)}, "
                "which training has: add or rename it."
            )
        table.find(name)
    notes = []
    if extra:
        shown = listed([repr(name) for name in dict.fromkeys(extra)])
        notes.append(
            f"columns of {table.path.name} that training lacks are left out: "
            f"{shown}"
        )
    if [name for name in there if name in wanted] != list(wanted):
        notes.append(
            f"columns of {table.path.name} stand in another order than in "
            "training and are taken by name"
        )
    return tuple(notes)
