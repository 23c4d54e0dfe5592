"""The table of runs: its columns, and the order of its rows."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

from keras_ptft.config import FIELDS
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import METRICS, metric_of
from keras_ptft.experiment.run_files import NON_IDENTITY_FIELDS
from keras_ptft.registry import nearest
from keras_ptft.runs.reading import Run
from keras_ptft.settings import kind_of

Value = str | float | None
"""What a run has in a column; None: nothing."""

_MISSING = "–"
# as a shell has it
_EMPTY = "''"
_SUMMED = ("trained_parameters", "seconds")
# they have columns of their own
_SHOWN_ELSEWHERE = frozenset(("dataset", "init_from"))


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: in a CSV file and as --sort has it.
        heading: as a person reads it.
        value: what a run has in it.
        text: of a number in it.
        is_number: whether it is aligned to the right.
        higher_first: whether its largest number comes first.
    """

    name: str
    heading: str
    value: Callable[[Run], Value]
    text: Callable[[float], str] = str
    is_number: bool = False
    higher_first: bool = False

    def cell(self, run: Run) -> str:
        """Returns what a table shows of a run."""
        value = self.value(run)
        if value is None:
            return _MISSING
        if isinstance(value, str):
            return printable(value) or _EMPTY
        return self.text(value)


def columns(runs: Sequence[Run]) -> list[Column]:
    """Returns the columns of a table of runs.

    A metric has one if any run has it, a setting if it differs between them
    and decides what a run is.
    """
    fixed = _fixed()
    numbers = {name for run in runs for name in run.numbers}
    metrics = [name for name in METRICS if name in numbers]
    metrics += sorted(numbers - set(metrics) - set(_SUMMED))
    return [
        *(fixed[name] for name in fixed if name not in (*_SUMMED, "ended")),
        *map(_of_metric, metrics),
        *(fixed[name] for name in (*_SUMMED, "ended")),
        *map(_of_setting, differing(runs)),
    ]


def differing(runs: Sequence[Run]) -> list[str]:
    """Returns the settings that differ between runs.

    Settings that say where a run is or how often it is saved are left out.
    """
    left_out = NON_IDENTITY_FIELDS | _SHOWN_ELSEWHERE
    given = [run.settings for run in runs]
    return [
        name
        for name in FIELDS
        if name not in left_out
        and len({some[name] for some in given if name in some}) > 1
    ]


def in_order(runs: Sequence[Run], name: str) -> list[Run]:
    """Sorts runs by a column; those that have nothing in it come last.

    Args:
        runs: in any order.
        name: of a column, or of any metric or setting.

    Raises:
        UserError: there is no such column.
    """
    column = _find(name, runs)
    by_name = sorted(runs, key=lambda run: run.name)
    return sorted(by_name, key=functools.partial(_key, column))


def printable(text: str) -> str:
    """Returns a text on one line, of characters that a file can hold.

    Example:

    >>> printable(chr(10).join("ab"))
    'a\\\\nb'
    """
    held = text.encode("utf-8", "surrogateescape")
    shown = held.decode("utf-8", "backslashreplace")
    return "".join(
        sign if sign.isprintable() else repr(sign)[1:-1] for sign in shown
    )


def _fixed() -> dict[str, Column]:
    """Columns that every table has."""
    every = (
        Column("run", "run", lambda run: run.name),
        Column("stage", "stage", lambda run: run.stage or None),
        Column("state", "state", lambda run: run.state),
        Column(
            "parent",
            "parent",
            lambda run: run.settings.get("init_from") or None,
        ),
        Column("dataset", "data set", lambda run: run.settings.get("dataset")),
        _of_number("trained_parameters", "{:,}".format),
        _of_number("seconds", "{:.1f}".format),
        Column("ended", "ended", lambda run: run.ended or None),
    )
    return {column.name: column for column in every}


def _of_number(name: str, text: Callable[[float], str]) -> Column:
    heading = name.replace("_", " ")
    return Column(name, heading, _number(name), text, is_number=True)


def _number(name: str) -> Callable[[Run], Value]:
    return lambda run: run.numbers.get(name)


def _of_metric(name: str) -> Column:
    metric = metric_of(name)
    return Column(
        name,
        metric.heading,
        _number(name),
        metric.cell,
        is_number=True,
        higher_first=metric.direction == "higher",
    )


def _of_setting(name: str) -> Column:
    is_number = kind_of(FIELDS[name]) in (int, float)

    def value(run: Run) -> Value:
        return run.settings.get(name)

    return Column(name, name, value, is_number=is_number)


def _find(name: str, runs: Sequence[Run]) -> Column:
    fixed = _fixed()
    if name in fixed:
        return fixed[name]
    if name in FIELDS:
        return _of_setting(name)
    metrics = {*METRICS, *(n for run in runs for n in run.numbers)}
    if name in metrics:
        return _of_metric(name)
    shown = [column.name for column in columns(runs)]
    raise UserError(
        f"--sort={name} is no column"
        f"{nearest(name, [*fixed, *sorted(metrics), *FIELDS])}; there are: "
        f"{', '.join(shown)}."
    )


def _key(column: Column, run: Run) -> tuple[int, float, str]:
    """Numbers come first, then what is no number, texts, and nothing."""
    value = column.value(run)
    if value is None:
        return 3, 0.0, ""
    number = _as_number(value) if column.is_number else None
    if number is None:
        return 2, 0.0, str(value)
    if math.isnan(number):
        return 1, 0.0, ""
    return 0, -number if column.higher_first else number, ""


def _as_number(value: str | float) -> float | None:
    try:
        return float(value)
    except ValueError:
        # a word in the place of a number
        return None
