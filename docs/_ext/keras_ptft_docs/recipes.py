"""The recipes, from their own headers."""

import pathlib
import re
from typing import NamedTuple

from keras_ptft_docs.markdown import block, escaped, table

_FLAGS = pathlib.Path(__file__).parents[3] / "flags"
_PART = re.compile(r"^(Purpose|Command|Measured): ", re.MULTILINE)


class Header(NamedTuple):
    """What the head of a recipe says.

    Attributes:
        purpose: what it is for.
        command: what runs it.
        measured: what that gave, and where.
    """

    purpose: str
    command: str
    measured: str


def recipes(_: str) -> str:
    """Returns a section for each recipe: its head, then its settings."""
    return "\n".join(map(_section, sorted(_FLAGS.glob("*.flags"))))


def recipe_table(_: str) -> str:
    """Returns a table of all recipes with what they are for."""
    rows = (
        (f"[{path.stem}](#{_anchor(path)})", _first(header(path).purpose))
        for path in sorted(_FLAGS.glob("*.flags"))
    )
    return table(("recipe", "is to"), rows)


def header(path: pathlib.Path) -> Header:
    """Reads the head of a recipe."""
    lines, _ = _divided(path)
    _, *parts = _PART.split("\n".join(lines))
    return Header(*(text.strip() for text in parts[1::2]))


def _section(path: pathlib.Path) -> str:
    told = header(path)
    command, *notes = told.command.split("\n")
    parts = [f"### {path.stem}", "", _sentence(told.purpose), ""]
    parts += [block(command), *map(_sentence, notes), ""]
    parts += [f"**Measured** {escaped(told.measured)}", ""]
    _, settings = _divided(path)
    return "\n".join([*parts, block("\n".join(settings))])


def _divided(path: pathlib.Path) -> tuple[list[str], list[str]]:
    """The lines of the head, without their mark, and all others."""
    lines = path.read_text(encoding="utf-8").splitlines()
    count = next(i for i, x in enumerate(lines) if not x.startswith("#"))
    return [line[1:].strip() for line in lines[:count]], lines[count:]


def _sentence(text: str) -> str:
    return escaped(text[:1].upper() + text[1:])


def _first(text: str) -> str:
    """The first sentence, or what comes before its colon."""
    whole = " ".join(text.split())
    return escaped(re.split(r"\.(?:\s+(?=[A-Z])|$)|[;:]\s", whole)[0])


def _anchor(path: pathlib.Path) -> str:
    return path.stem.lower()
