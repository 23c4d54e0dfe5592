"""Which operations a release of TensorFlow has.

`operations.txt` lists those of all releases that exports are checked against,
in alphabetical order: a line is the name of an operation and its attributes.
What the oldest release lacks bears the first release that has it, as
Name@2.20. `python -m tests.make_operations` writes it.
"""

import functools
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

TABLE = pathlib.Path(__file__).with_name("operations.txt")


class Operation(NamedTuple):
    """An operation of TensorFlow.

    Attributes:
        since: the first release that has it.
        attributes: name to the first release that has it.
    """

    since: str
    attributes: Mapping[str, str]


def releases() -> tuple[str, ...]:
    """Returns the releases in the table, the oldest first."""
    return _table()[0]


def operations() -> Mapping[str, Operation]:
    """Returns the operations of all releases by name."""
    return _table()[1]


def is_older(release: str, other: str) -> bool:
    """Returns whether one release in the table is older than another."""
    order = releases()
    return order.index(release) < order.index(other)


@functools.cache
def _table() -> tuple[tuple[str, ...], dict[str, Operation]]:
    first, *lines = TABLE.read_text(encoding="utf-8").splitlines()
    order = tuple(first.removeprefix("# ").split())
    found = {}
    for line in lines:
        named = dict(_since(word, order[0]) for word in line.split())
        (name, since), *attributes = named.items()
        found[name] = Operation(since, dict(attributes))
    return order, found


def _since(word: str, oldest: str) -> tuple[str, str]:
    name, _, since = word.partition("@")
    return name, since or oldest
