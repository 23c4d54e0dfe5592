"""The template of a page (no pictures, which take a second to load)."""

import functools
import pathlib

import jinja2

_FOLDER = pathlib.Path(__file__).parent
_LONGEST = 300


def page_template(path: pathlib.Path) -> jinja2.Template:
    """Returns the template of a page, which writes names as text."""
    return _environment(path.parent).get_template(path.name)


@functools.cache
def _environment(folder: pathlib.Path) -> jinja2.Environment:
    """Templates of a folder, each compiled once: a search has many pages."""
    environment = jinja2.Environment(
        # the style of all pages is here
        loader=jinja2.FileSystemLoader([folder, _FOLDER]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["shortened"] = shortened
    return environment


def shortened(text: str) -> str:
    """Shortens a text to one line that leaves room for others.

    Example:

    >>> shortened("to  be\\n"), len(shortened("or" * 1000))
    ('to be', 300)
    """
    line = " ".join(text[: 4 * _LONGEST].split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
