"""Templates of the files of an export."""

import functools
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jinja2

_FOLDER = pathlib.Path(__file__).parent / "templates"


def rendered(template: str, **values: Any) -> str:
    """Returns the text of a file.

    Args:
        template: the path of the file in `templates`, without `.jinja`.
        values: what the template asks for, all of it.

    Example:

    >>> rendered("monitoring.config").splitlines()[-1]
    '}'
    """
    return _environment().get_template(f"{template}.jinja").render(values)


def python_literal(value: Any, indent: int = 0) -> str:
    r"""Returns strings in lists and dicts as `ruff format` writes them.

    Args:
        value: a string, or a list or dict of such values.
        indent: spaces before its last line.

    Example:

    >>> print(python_literal({"a": ['"b"\n'], "c": []}))
    {
        "a": [
            "\x22b\x22\n",
        ],
        "c": [],
    }
    """
    if isinstance(value, str):
        inside = json.dumps(value, ensure_ascii=False)[1:-1]
        # a quote within would ask for other quotes around
        return '"{}"'.format(inside.replace(r"\"", r"\x22"))
    inner = indent + 4
    if isinstance(value, Mapping):
        start, end = "{}"
        items = [
            f"{python_literal(key)}: {python_literal(item, inner)}"
            for key, item in value.items()
        ]
    else:
        start, end = "[]"
        items = [python_literal(item, inner) for item in value]
    if not items:
        return start + end
    lines = "".join(f"{' ' * inner}{item},\n" for item in items)
    return f"{start}\n{lines}{' ' * indent}{end}"


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        # none of the files is a page
        autoescape=False,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["python"] = python_literal
    return environment
