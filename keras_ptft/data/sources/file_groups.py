"""Groups of files, by their names."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from keras_ptft.data.core.hashing import content_hash
from keras_ptft.data.sources.class_folders import ClassFiles
from keras_ptft.data.sources.file_tree import relative
from keras_ptft.errors import UserError


def hashed_groups(names: Iterable[str]) -> np.ndarray:
    """Returns the hash of each group's name, uint64 of shape (examples,)."""
    hashes = [content_hash(name.encode()) for name in names]
    return np.array(hashes, np.uint64)


def groups_by_pattern(pattern: str, names: Sequence[str]) -> np.ndarray | None:
    """Finds the group of each file in its name.

    Args:
        pattern: regular expression that is searched for; its first group of
            parentheses, or else all that it matches, names the group of
            examples. Empty: there are no groups.
        names: of the files, from the data set's folder on.

    Returns:
        uint64 array of shape (files,), or None.

    Raises:
        UserError: no regular expression, or a name that it does not match.

    Example:

    >>> names = ["cat/anna_1.png", "cat/anna_2.png", "dog/bob_1.png"]
    >>> a, b, c = groups_by_pattern(r"(\\w+)_", names)
    >>> bool(a == b), bool(a == c)
    (True, False)
    """
    if not pattern:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"--group_pattern={pattern} must be a regular expression, but "
            f"{error}: correct it."
        ) from None
    return hashed_groups(_group(compiled, name) for name in names)


def groups_of_files(
    found: ClassFiles, pattern: str
) -> dict[str, np.ndarray | None]:
    """Returns the groups of each split's files; see `groups_by_pattern`."""
    return {
        split: groups_by_pattern(
            pattern, [relative(path, found.root) for path in part.paths]
        )
        for split, part in found.splits.items()
    }


def _group(pattern: re.Pattern[str], name: str) -> str:
    found = pattern.search(name)
    group = found[min(1, pattern.groups)] if found else ""
    # all files without a name of their own would be one group
    if not group:
        raise UserError(
            f"--group_pattern={pattern.pattern} must find a group in the name "
            f"of every file, got none in {name!r}: correct it, or rename the "
            "file."
        )
    return group
