"""Several texts as one, with a sign between them."""

import re
from collections.abc import Sequence

SEPARATOR = "␞"
"""Stands between the parts: each tokenizer makes it a token of its own."""

_OPENING = re.compile(r"<|&lt;?|&#0*60;?|&#x0*3c;?", re.IGNORECASE)
_CLOSING = re.compile(r">|&gt|&#0*62|&#x0*3e", re.IGNORECASE)


def named_columns(setting: str) -> tuple[str, ...]:
    """Returns the columns that --text_column names.

    Example:

    >>> named_columns("premise, hypothesis"), named_columns("")
    (('premise', 'hypothesis'), ())
    """
    names = (name.strip() for name in setting.split(","))
    return tuple(name for name in names if name)


def joined(parts: Sequence[str]) -> str:
    """Returns the text of several columns, such as a title and its text.

    The parts have the separator and spaces between them. One text is
    returned as it is. In a part of several the separator is a space, and a
    "<" that is never closed is followed by one: cleaning would take what
    follows, up to a ">" in the next part, for a tag.

    Args:
        parts: the texts of one example.

    Example:

    >>> joined(["a title", "its text"]), joined(["a text"])
    ('a title ␞ its text', 'a text')
    """
    if len(parts) == 1:
        return parts[0]
    return f" {SEPARATOR} ".join(map(_closed, parts))


def _closed(part: str) -> str:
    part = part.replace(SEPARATOR, " ")
    end = max((found.end() for found in _CLOSING.finditer(part)), default=0)
    return part[:end] + _OPENING.sub(r"\g<0> ", part[end:])
