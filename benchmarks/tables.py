"""Sections of the results and their tables."""

import dataclasses
from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class Told:
    """A section of the results.

    Attributes:
        title: its heading.
        text: Markdown under it.
    """

    title: str
    text: str

    def __str__(self) -> str:
        return f"## {self.title}\n\n{self.text.strip()}\n"


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown.

    Example:

    >>> print(markdown(("a", "b"), [("1", "2")]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    rows = [f"| {' | '.join(cells)} |" for cells in (head, *lines)]
    return "\n".join([rows[0], "|---" * len(head) + "|", *rows[1:]])
