"""Tables of settings, from the fields of their classes."""

import dataclasses
import math
from typing import Any

from keras_ptft.config import FIELDS
from keras_ptft.registry import table_names
from keras_ptft_docs.markdown import code, escaped, table

Field = dataclasses.Field[Any]


def settings(_: str) -> str:
    """Returns the settings of a run, a section for each of their groups."""
    groups: dict[str, list[Field]] = {}
    for field in FIELDS.values():
        groups.setdefault(field.metadata["group"], []).append(field)
    sections = groups.items()
    return "\n".join(f"## {n}\n\n{field_table(fs)}" for n, fs in sections)


def field_table(fields: list[Field]) -> str:
    """Returns a table of settings."""
    titles = "setting", "default", "meaning"
    return table(titles, map(_row, fields))


def _row(field: Field) -> tuple[str, str, str]:
    meaning = escaped(field.metadata["help"])
    if told := _limits(field):
        meaning += f"; {told}"
    return code(f"--{field.name}"), code(_default(field)), meaning


def _default(field: Field) -> str:
    return "" if field.default in ("", ()) else str(field.default).lower()


def _limits(field: Field) -> str:
    """What a value may be, where that is limited."""
    limits = field.metadata
    if names := limits["table"] and table_names(limits["table"]):
        return f"one of {', '.join(map(code, names))}"
    if limits["choices"]:
        return f"one of {', '.join(map(code, limits['choices']))}"
    low, high = limits["low"], limits["high"]
    if not math.isinf(low) and not math.isinf(high):
        return f"from {low:g} to {high:.15g}"
    return "" if math.isinf(low) else f"at least {low:g}"
