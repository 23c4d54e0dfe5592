"""Markdown as GitHub and Hugging Face show it."""

import re
from collections.abc import Collection, Iterable, Sequence

# what starts something in the Markdown of GitHub
_SIGNS = re.compile(r"([\\`*_\[\]<>|~$#&])")


def escaped(text: str) -> str:
    """Returns a text on one line, with no sign that formats it.

    Example:

    >>> print(escaped("a|b *c*"))
    a\\|b \\*c\\*
    """
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def items(texts: Iterable[str]) -> str:
    """Returns texts as a list, an item each.

    Example:

    >>> print(items(["a*", "b"]))
    - a\\*
    - b
    """
    return "\n".join(f"- {escaped(text)}" for text in texts)


def table(rows: Sequence[Sequence[str]], texts: Collection[int] = (0,)) -> str:
    """Returns a table of cells that are Markdown already.

    Args:
        rows: the headings first.
        texts: which columns are text, to the left; numbers are to the right.

    Example:

    >>> print(table([["run", "loss"], ["a", "0.5"]]))
    | run | loss |
    | --- | ---: |
    | a | 0.5 |
    """
    rule = [
        "---" if index in texts else "---:" for index in range(len(rows[0]))
    ]
    return "\n".join(map(_line, [rows[0], rule, *rows[1:]]))


def text_table(
    rows: Sequence[Sequence[str]], texts: Collection[int] = (0,)
) -> str:
    """Returns a table of plain texts, as `table` does of Markdown."""
    return table([[*map(escaped, row)] for row in rows], texts)


def code(text: str, language: str = "") -> str:
    """Returns a block of code, whatever is in it.

    Args:
        text: the code.
        language: as "python"; empty: none.
    """
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
