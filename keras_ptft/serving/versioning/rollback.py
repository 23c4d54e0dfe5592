"""Makes an older version of an export serve again (no TensorFlow)."""

import dataclasses
import logging
import os
import pathlib
import shutil
from collections.abc import Mapping

from keras_ptft import files, settings
from keras_ptft.errors import DiskError, UserError
from keras_ptft.serving.bundle.server_files import write_server_files
from keras_ptft.serving.versioning.contract import CONTRACT, breaks, told
from keras_ptft.serving.versioning.labels import read_labels
from keras_ptft.serving.versioning.release import RELEASE, origin_of, release
from keras_ptft.serving.versioning.releases import settle
from keras_ptft.serving.versioning.server_config import config_fields
from keras_ptft.serving.versioning.versions import (
    FACTS,
    GRAPH,
    copy_into,
    existing,
    facts_of,
    new_folder,
    publish,
)
from keras_ptft.settings import setting

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RollbackConfig:
    """The settings of `keras-ptft rollback`, checked when it is made.

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> RollbackConfig(to=3).to
    3
    """

    to: int = setting(
        0, "rollback", "version to serve again; 0: the one before", low=0
    )

    def __post_init__(self) -> None:
        for field in ROLLBACK_FIELDS.values():
            settings.check(field, getattr(self, field.name))


ROLLBACK_FIELDS = {
    field.name: field for field in dataclasses.fields(RollbackConfig)
}


def rollback(export_dir: str | os.PathLike, *, to: int = 0) -> pathlib.Path:
    """Makes an older version of an export the newest, which is served.

    A copy of it is published under the next number. To rename the newest
    version away would also make a server take the one before, but its number
    would be free for another model, which a server that has the number loaded
    would not load; and what was rolled back would be gone for whoever asks for
    it. With the copy, numbers only grow, the folder holds complete versions at
    each moment, a server loads the copy before it unloads the newest, and a
    label can move to it (see `server_config.versions_to_load`). The files are
    hard links, so it takes no room.

    Both labels, where they are in use, name the copy then. The files in
    `serving/` are written anew, as at an export.

    Args:
        export_dir: folder of versions.
        to: the version; 0: the stable one while a canary is tried, or else
            the one that was served before. After a rollback that is the one
            before the version that was copied: what was rolled back does not
            come again, unless it is named.

    Returns:
        The folder of the copy.

    Raises:
        UserError: there is no such version, or the folder cannot be written.
    """
    base = pathlib.Path(export_dir)
    found = existing(base)
    chosen = to or _version_before(base, found)
    newest = max(found)
    _check_choice(base, found, chosen)
    _tell_differences(found[newest], found[chosen])
    try:
        path = _published_again(base, found[chosen])
    except OSError as error:
        raise DiskError(
            f"Cannot write {base}: {error.strerror or error}. Choose a folder "
            "with write permission and free space."
        ) from error
    _LOG.info(
        "Published version %d once more, as %s; version %d stays.",
        origin_of(path),
        path,
        newest,
    )
    settle(base, int(path.name))
    # the newest may have taken larger batches
    write_server_files(path, config_fields(base))
    return path


def _published_again(base: pathlib.Path, version: pathlib.Path) -> pathlib.Path:
    partial = new_folder(base)
    try:
        copy_into(partial, version)
        facts = {
            **facts_of(version),
            RELEASE: release(canary=False, rollback_of=origin_of(version)),
        }
        files.write_json(partial / FACTS, facts)
        return publish(partial, base)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _version_before(
    base: pathlib.Path, found: Mapping[int, pathlib.Path]
) -> int:
    labels = read_labels(base)
    if labels is not None and labels.canary != labels.stable[-1]:
        return labels.stable[-1]
    served = sorted(found) if labels is None else labels.stable
    origin = origin_of(found[served[-1]])
    before = [number for number in served if number < origin]
    if not before:
        raise UserError(
            f"Expected a version in {base} that was served before version "
            f"{origin}, found none: name one by --to=VERSION, of "
            f"{_listed(found)}, or export another."
        )
    return before[-1]


def _check_choice(
    base: pathlib.Path, found: Mapping[int, pathlib.Path], chosen: int
) -> None:
    if chosen not in found:
        raise UserError(
            f"--to={chosen} must be a version in {base}, found "
            f"{_listed(found)}: choose one of them."
        )
    if chosen == max(found):
        raise UserError(
            f"--to={chosen} must be an older version than the newest in "
            f"{base}, got the newest: it is served already."
        )
    if not (found[chosen] / GRAPH).is_file():
        raise UserError(
            f"Expected {GRAPH} in {found[chosen]}, found none: choose another "
            "version by --to=VERSION."
        )


def _tell_differences(newest: pathlib.Path, chosen: pathlib.Path) -> None:
    """Warns of what clients of the newest version do without then."""
    before, after = (facts_of(x).get(CONTRACT) for x in (newest, chosen))
    if before and after and (found := breaks(before, after)):
        _LOG.warning("Clients of %s will find: %s.", newest, told(found))


def _listed(found: Mapping[int, pathlib.Path]) -> str:
    return ", ".join(map(str, sorted(found)))
