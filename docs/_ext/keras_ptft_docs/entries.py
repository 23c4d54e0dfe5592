"""What settings can name: the tables of the program and their entries."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from keras_ptft.describe import TABLES, argument_helps, summary
from keras_ptft.models.pretrained import FACTS
from keras_ptft.registry import settings
from keras_ptft_docs.markdown import code, escaped, table


def entries(_: str) -> str:
    """Returns a part for each table, with a section for each entry of it."""
    return "\n".join(map(_part, TABLES))


def _part(setting: str) -> str:
    rows = TABLES[setting].items()
    sections = (_section(setting, *row) for row in rows)
    return "\n".join([f"## {setting}", "", *sections])


def _section(setting: str, name: str, function: Callable[..., Any]) -> str:
    parts = [f"### {name}", "", code(f"--{setting}={name}"), ""]
    parts += [escaped(summary(function)), ""]
    told = function.func if isinstance(function, partial) else function
    helps = argument_helps(inspect.getdoc(told) or "")
    rows = [
        (code(p.name), code(_default(p)), escaped(helps.get(p.name, "")))
        for p in settings(function).values()
    ]
    if rows:
        parts.append(table(("setting of it", "default", "meaning"), rows))
    return "\n".join(parts)


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return ""
    return repr(parameter.default)


def known_models(_: str) -> str:
    """Returns a table of known models whose weights packages ship."""
    titles = "model", "architecture", "parameters", "licence", "from", "size"
    rows = (
        (
            code(name),
            escaped(facts.architecture),
            f"{facts.parameters:,}",
            escaped(facts.licence),
            escaped(facts.source),
            f"{facts.bytes / 1e6:,.1f} MB",
        )
        for name, facts in FACTS.items()
    )
    return table(titles, rows)
