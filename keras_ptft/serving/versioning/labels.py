"""Which version clients get that ask for "stable" or "canary".

Clients of TensorFlow Serving may ask for a label in place of a number, as in
`POST /v1/models/NAME/labels/stable:predict`. A folder has labels from the first
export with --canary, or the first promotion, on; both are always there then, so
that nobody asks in vain: they name the same version while no canary is tried.

`versions.json` says what was decided. What was published since is read from the
versions themselves, so a kill between publishing a version and labelling it, or
two exports at once, leave nothing to mend.
"""

import dataclasses
import pathlib
from collections.abc import Collection

from keras_ptft import files
from keras_ptft.errors import UserError
from keras_ptft.locks import held
from keras_ptft.serving.versioning.release import is_canary
from keras_ptft.serving.versioning.versions import (
    VERSIONS_FILE,
    versions,
)

STABLE = "stable"
CANARY = "canary"


@dataclasses.dataclass(frozen=True)
class Labels:
    """The labels of a folder of versions, and what led to them.

    Attributes:
        stable: the versions that were stable one after the other; the last
            one is now.
        canary: the version that is tried, or the last one of `stable`.
        newest: the newest version that was looked at.
    """

    stable: tuple[int, ...] = ()
    canary: int = 0
    newest: int = 0

    def published(self, version: int, *, canary: bool) -> "Labels":
        """Returns the labels once a version is published.

        Args:
            version: its number.
            canary: whether it is to be tried; the first one of all is stable
                too.

        Example:

        >>> Labels().published(1, canary=False).published(2, canary=True)
        Labels(stable=(1,), canary=2, newest=2)
        """
        is_tried = canary and bool(self.stable)
        stable = self.stable if is_tried else (*self.stable, version)
        return Labels(stable, version, version)

    def promoted(self) -> "Labels":
        """Returns the labels once the canary is stable."""
        return self.published(self.canary, canary=False)

    def among(self, numbers: Collection[int]) -> "Labels":
        """Returns the labels when only some versions are there still.

        Args:
            numbers: theirs, at least one.
        """
        stable = tuple(n for n in self.stable if n in numbers)
        stable = stable or (max(numbers),)
        canary = self.canary if self.canary in numbers else stable[-1]
        return Labels(stable, canary, self.newest)


def read_labels(base: pathlib.Path) -> Labels | None:
    """Returns the labels of a folder as they are now; None: it has none.

    Args:
        base: folder of versions.

    Raises:
        UserError: `versions.json` is damaged.
    """
    recorded = _recorded(base)
    labels, in_use = recorded or Labels(), recorded is not None
    found = {int(path.name): path for path in versions(base)}
    for number, path in found.items():
        if number > labels.newest:
            canary = is_canary(path)
            in_use = in_use or canary
            labels = labels.published(number, canary=canary)
    return labels.among(found) if found and in_use else None


def update_labels(base: pathlib.Path) -> Labels | None:
    """Writes the labels of a folder as they are now; returns them.

    Args:
        base: folder of versions.

    Raises:
        UserError: `versions.json` is damaged, or cannot be written.
    """
    with held(base):
        labels = read_labels(base)
        if labels is not None and labels != _recorded(base):
            _write(base, labels)
    return labels


def promote_canary(base: pathlib.Path) -> Labels:
    """Makes the canary stable, or starts labels with the newest version.

    Args:
        base: folder of versions, at least one.

    Returns:
        The labels, which are written.

    Raises:
        UserError: `versions.json` is damaged, or cannot be written.
    """
    with held(base):
        labels = read_labels(base)
        if labels is None:
            found = [int(path.name) for path in versions(base)]
            labels = Labels(tuple(found), found[-1], found[-1])
        elif labels.canary != labels.stable[-1]:
            labels = dataclasses.replace(
                labels.promoted(), newest=labels.newest
            )
        _write(base, labels)
    return labels


def version_labels(base: pathlib.Path) -> dict[str, int]:
    """Returns the version of each label, as `version_labels` of a ModelConfig.

    Args:
        base: folder of versions.

    Returns:
        Nothing where labels are not in use.

    Raises:
        UserError: `versions.json` is damaged.
    """
    labels = read_labels(base)
    if labels is None:
        return {}
    return {STABLE: labels.stable[-1], CANARY: labels.canary}


def _recorded(base: pathlib.Path) -> Labels | None:
    path = base / VERSIONS_FILE
    if not path.exists():
        return None
    found = files.read_json(path)
    try:
        stable, canary, newest = (
            found[name] for name in (STABLE, CANARY, "newest")
        )
        labels = Labels(tuple(stable), canary, newest)
    except (LookupError, TypeError):
        labels = Labels(())
    numbers = (*labels.stable, labels.canary, labels.newest)
    if not labels.stable or not all(type(n) is int for n in numbers):
        raise UserError(
            f"{path} must hold the numbers of versions under {STABLE}, "
            f"{CANARY} and newest, got {found!r}: remove it, and set the "
            "labels again by keras-ptft promote."
        )
    return labels


def _write(base: pathlib.Path, labels: Labels) -> None:
    files.write_json(base / VERSIONS_FILE, dataclasses.asdict(labels))
