"""The recipes, from their own headers."""

import re

from keras_ptft.recipes import describe, header, names
from keras_ptft_docs.markdown import block, escaped, table


def recipes(_: str) -> str:
    """Returns a section for each recipe: its head, then its settings."""
    return "\n".join(map(_section, names()))


def recipe_table(_: str) -> str:
    """Returns a table of all recipes with what they are for."""
    rows = (
        (f"[{name}](#{name.lower()})", _first(header(name)["Purpose"]))
        for name in names()
    )
    return table(("recipe", "is to"), rows)


def _section(name: str) -> str:
    told = header(name)
    command, *notes = told["Command"].split("\n")
    parts = [f"### {name}", "", _sentence(told["Purpose"]), ""]
    parts += [block(command), *map(_sentence, notes), ""]
    parts += [f"**Measured** {escaped(told['Measured'])}", ""]
    lines = describe(name).splitlines()
    settings = [line for line in lines if not line.startswith("#")]
    return "\n".join([*parts, block("\n".join(settings))])


def _sentence(text: str) -> str:
    return escaped(text[:1].upper() + text[1:])


def _first(text: str) -> str:
    """The first sentence, or what comes before its colon."""
    whole = " ".join(text.split())
    return escaped(re.split(r"\.(?:\s+(?=[A-Z])|$)|[;:]\s", whole)[0])
