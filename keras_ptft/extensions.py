"""Entries of a user's own in the tables that settings are looked up in.

No TensorFlow here: a table is imported when an entry is registered.
"""

import importlib
import inspect
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from keras_ptft.config import FIELDS
from keras_ptft.errors import UserError, on_one_line
from keras_ptft.registry import MODULES, nearest, table_names

# what no setting names: every model is scored, or served, by all of them
_NAMELESS = {
    "metric": "evaluation/metrics/__init__.py:METRICS",
    "signature": "objectives/serving.py:SIGNATURES",
}
_OF_SETTINGS: dict[str, str] = {
    name: field.metadata["table"]
    for name, field in FIELDS.items()
    if field.metadata["table"]
}
_TABLES = _OF_SETTINGS | _NAMELESS


def register(kind: str, name: str, entry: Any) -> None:
    """Adds an entry to a table, from code that is no part of keras_ptft.

    After that a setting may name it, as in `Config(objective="poly")`. What
    was registered under the name before is replaced, so that a cell of a
    notebook can be run again. It counts in this process; for the command
    line see `import_modules`.

    Args:
        kind: the setting, as "objective", "backbone", "dataset", "optimizer"
            or "augment"; or "metric" or "signature".
        name: what the setting will say.
        entry: as the rows of the table are: a function or a class that
            takes what the program gives it before the `/` of its signature,
            and settings after it; for "metric" a `Metric`.

    Raises:
        UserError: no such kind, a name that is taken or is none, or an entry
            of another form.

    Example:

    >>> import keras
    >>> def nadam(learning_rate, /, *, beta_1: float = 0.9):
    ...     return keras.optimizers.Nadam(learning_rate, beta_1)
    >>> register("optimizer", "nadam", nadam)
    >>> from keras_ptft.training.optimizers import OPTIMIZERS
    >>> OPTIMIZERS.pop("nadam") is nadam
    True
    """
    if kind not in _TABLES:
        raise UserError(
            f"There is no table of kind {kind!r}{nearest(kind, _TABLES)}; "
            f"there are: {', '.join(_TABLES)}."
        )
    label = f"{kind} {name!r}"
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise UserError(
            f"The name of the {label} must be letters, digits and "
            "underscores: rename it."
        )
    if name in table_names(_TABLES[kind]):
        raise UserError(
            f"The {label} is a part of keras_ptft: choose another name."
        )
    table = _table(kind)
    rows = list(table.values())
    _check_form(label, entry, rows)
    if kind in _OF_SETTINGS:
        _check_context(label, entry, rows[0])
    table[name] = entry


def import_modules() -> None:
    """Imports the modules that KERAS_PTFT_MODULES names, commas between.

    Each registers its entries when it is imported. Modules run with all
    rights of the user; the environment alone names them, and no recipe and
    no run folder can.

    Raises:
        UserError: one of them cannot be imported.
    """
    named = os.environ.get(MODULES, "").split(",")
    for name in filter(None, map(str.strip, named)):
        try:
            importlib.import_module(name)
        except UserError:
            raise
        # a user's code may fail in any way, a script by an exit
        except (Exception, SystemExit) as error:
            raise UserError(
                f"{MODULES} names {name!r}, which cannot be imported "
                f"({type(error).__name__}: {on_one_line(error)}): put its "
                "folder on PYTHONPATH, or correct it."
            ) from error


def _table(kind: str) -> dict[str, Any]:
    path, _, name = _TABLES[kind].partition(":")
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    room = importlib.import_module(".".join(["keras_ptft", *parts]))
    table: dict[str, Any] = getattr(room, name)
    return table


def _check_form(label: str, entry: Any, rows: Sequence[Any]) -> None:
    """Refuses an entry of another form than the rows of its table."""
    first = type(rows[0])
    if all(map(inspect.isclass, rows)):
        _check_class(label, entry, _shared_base(rows))
    elif callable(rows[0]) and not callable(entry):
        raise UserError(
            f"The {label} must be a function, got {entry!r}: give what makes "
            "it, not what was made."
        )
    elif not callable(rows[0]) and not isinstance(entry, first):
        raise UserError(
            f"The {label} must be a {first.__name__}, got {entry!r}: make one."
        )


def _shared_base(rows: Sequence[type]) -> type:
    """The nearest class that all of some classes derive from."""
    bases = inspect.getmro(rows[0])
    return next(b for b in bases if all(issubclass(row, b) for row in rows))


def _check_class(label: str, entry: Any, base: type) -> None:
    if not (inspect.isclass(entry) and issubclass(entry, base)):
        raise UserError(
            f"The {label} must be a class derived from {base.__name__}, got "
            f"{entry!r}: derive it."
        )
    if missing := sorted(getattr(entry, "__abstractmethods__", ())):
        raise UserError(
            f"The {label} must have the methods {', '.join(missing)}, which "
            f"{entry.__name__} has not: write them."
        )


def _check_context(
    label: str, entry: Callable[..., Any], row: Callable[..., Any]
) -> None:
    """Refuses a signature that the program cannot call."""
    context = _context(row)
    if len(_context(entry)) != len(context):
        wanted = f"({', '.join(context)}, /, ...)" if context else "no /"
        raise UserError(
            f"The {label} must take {wanted} as a signature, got "
            f"{inspect.signature(entry)}: what stands before the / is given "
            "by the program, and the rest are settings."
        )


def _context(function: Callable[..., Any]) -> list[str]:
    """What the program gives a row, by name."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
