"""Small pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]*`)")
_SPECIAL = re.compile(r"([\\|<*\[\]])")


def escaped(text: str) -> str:
    """Returns text of one line that Markdown shows as it is.

    What stands between backticks is code already, and stays.
    """
    parts = _CODE.split(" ".join(text.split()))
    return "".join(
        part.replace("|", r"\|")
        if part.startswith("`")
        else _SPECIAL.sub(r"\\\1", part)
        for part in parts
    )


def code(text: str) -> str:
    """Returns text as code, or nothing for an empty one."""
    return f"`{text}`" if text else ""


def block(text: str, language: str = "text") -> str:
    """Returns text as a block of code."""
    fence = "````" if "```" in text else "```"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table of cells that are Markdown already."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
