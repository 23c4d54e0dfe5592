"""What follows publishing a version: its labels, and the end of older ones."""

import logging
import os
import pathlib
from collections.abc import Mapping

from keras_ptft.serving.versioning.labels import (
    CANARY,
    STABLE,
    promote_canary,
    update_labels,
    version_labels,
)
from keras_ptft.serving.versioning.server_config import refresh_config
from keras_ptft.serving.versioning.versions import (
    GRAPH,
    existing,
    remove,
    versions,
)

_LOG = logging.getLogger("keras_ptft")


def settle(base: pathlib.Path, version: int, *, keep: int = 0) -> None:
    """Does what follows publishing a version: labels, and older ones go.

    After a kill it can be called again.

    Args:
        base: folder of versions.
        version: the one that was published.
        keep: how many of the newest versions stay; 0: all. One with a label
            stays in any case.

    Raises:
        UserError: `versions.json` is damaged, or cannot be written.
    """
    if update_labels(base) is not None:
        _spread_labels(base)
    if keep:
        _remove_older(base, version, keep)


def promote(export_dir: str | os.PathLike) -> Mapping[str, int]:
    """Makes the canary of an export stable.

    Where labels are not in use yet the newest version gets both, so that
    clients can ask for "stable" before the first canary is published.

    Args:
        export_dir: folder of versions.

    Returns:
        The version of each label.

    Raises:
        UserError: there is no version, or the folder cannot be written.
    """
    base = pathlib.Path(export_dir)
    existing(base)
    promote_canary(base)
    _spread_labels(base)
    return version_labels(base)


def _spread_labels(base: pathlib.Path) -> None:
    """Tells the labels to the server, and to whoever reads the log."""
    refresh_config(base)
    labels = version_labels(base)
    said = f"{STABLE} is version {labels[STABLE]}"
    if labels[CANARY] != labels[STABLE]:
        tried = labels[CANARY]
        said += f", {CANARY} is version {tried}, as for who names no label"
    _LOG.info("Labels of %s: %s.", base, said)


def _remove_older(base: pathlib.Path, version: int, keep: int) -> None:
    kept = {version, *version_labels(base).values()}
    for path in versions(base)[:-keep]:
        if int(path.name) in kept or not (path / GRAPH).is_file():
            continue
        try:
            if remove(path):
                _LOG.info("Removed %s, by --keep_versions=%d.", path, keep)
        except OSError as error:
            # the new version is published all the same
            _LOG.warning("Cannot remove %s: %s.", path, error.strerror)
