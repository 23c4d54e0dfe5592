"""What a version says it was published as."""

import pathlib

from keras_ptft.serving.versioning.versions import facts_of

RELEASE = "release"
"""Name in FACTS under which it says so."""

_CANARY = "canary"
_ROLLBACK_OF = "rollback_of"


def release(*, canary: bool, rollback_of: int = 0) -> dict[str, bool | int]:
    """Returns what a version says under RELEASE.

    Args:
        canary: whether it is to be tried before it is stable.
        rollback_of: the version that it is a copy of; 0: none.
    """
    origin = {_ROLLBACK_OF: rollback_of} if rollback_of else {}
    return {_CANARY: canary, **origin}


def is_canary(version: pathlib.Path) -> bool:
    """Returns whether a version is to be tried before it is stable."""
    said = facts_of(version).get(RELEASE)
    return isinstance(said, dict) and said.get(_CANARY) is True


def origin_of(version: pathlib.Path) -> int:
    """Returns the version that one is a copy of, or its own number."""
    said = facts_of(version).get(RELEASE)
    origin = said.get(_ROLLBACK_OF) if isinstance(said, dict) else None
    return origin if isinstance(origin, int) else int(version.name)
