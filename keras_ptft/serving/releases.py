"""What is done with versions once they are published (no TensorFlow)."""

import dataclasses
import logging
import os
import pathlib
import shutil
from collections.abc import Mapping

from keras_ptft import files, settings
from keras_ptft.errors import DiskError, UserError
from keras_ptft.serving.contract import breaks, told
from keras_ptft.serving.labels import (
    CANARY,
    RELEASE,
    STABLE,
    promote_canary,
    read_labels,
    update_labels,
    version_labels,
)
from keras_ptft.serving.server_config import refresh_config
from keras_ptft.serving.versions import (
    FACTS,
    GRAPH,
    copy_of,
    facts_of,
    publish,
    remove,
    versions,
)
from keras_ptft.settings import setting

_LOG = logging.getLogger("keras_ptft")
_ROLLBACK_OF = "rollback_of"


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


def release(*, canary: bool, rollback_of: int = 0) -> dict[str, bool | int]:
    """Returns what FACTS says under RELEASE of a version.

    Args:
        canary: whether it is to be tried before it is stable.
        rollback_of: the version that it is a copy of; 0: none.
    """
    origin = {_ROLLBACK_OF: rollback_of} if rollback_of else {}
    return {CANARY: canary, **origin}


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
    base, _ = _checked(export_dir)
    promote_canary(base)
    _spread_labels(base)
    return version_labels(base)


def rollback(export_dir: str | os.PathLike, *, to: int = 0) -> pathlib.Path:
    """Makes an older version of an export the newest, which is served.

    A copy of it is published under the next number. To rename the newest
    version away would also make a server take the one before, but its number
    would be free for another model, which a server that has the number loaded
    would not load; and what was rolled back would be gone for whoever asks for
    it. With the copy, numbers only grow, the folder holds complete versions at
    each moment, a server loads the copy before it unloads the newest, and a
    label can move to it (see `server_config.versions_to_load`). The files are hard
    links, so it takes no room.

    Both labels, where they are in use, name the copy then.

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
    base, found = _checked(export_dir)
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
        _origin(path),
        path,
        newest,
    )
    settle(base, int(path.name))
    return path


def _published_again(
    base: pathlib.Path, version: pathlib.Path
) -> pathlib.Path:
    partial = copy_of(version)
    try:
        facts = {
            **facts_of(version),
            RELEASE: release(canary=False, rollback_of=_origin(version)),
        }
        files.write_json(partial / FACTS, facts)
        return publish(partial, base)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _checked(
    export_dir: str | os.PathLike,
) -> tuple[pathlib.Path, dict[int, pathlib.Path]]:
    """Returns the folder and its versions by number, at least one."""
    base = pathlib.Path(export_dir)
    found = versions(base) if base.is_dir() else []
    if found:
        return base, {int(path.name): path for path in found}
    hint = "name the --export_to of a run"
    if (base / GRAPH).is_file():
        hint = f"that is one version, name {base.absolute().parent}"
    raise UserError(
        f"Expected a folder that holds versions of an export, as "
        f"saved_models/NAME, found none in {base}: {hint}."
    )


def _version_before(
    base: pathlib.Path, found: Mapping[int, pathlib.Path]
) -> int:
    labels = read_labels(base)
    if labels is not None and labels.canary != labels.stable[-1]:
        return labels.stable[-1]
    served = sorted(found) if labels is None else labels.stable
    origin = _origin(found[served[-1]])
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


def _origin(version: pathlib.Path) -> int:
    """The version that one is a copy of, or itself."""
    said = facts_of(version).get(RELEASE)
    origin = said.get(_ROLLBACK_OF) if isinstance(said, dict) else None
    return origin if isinstance(origin, int) else int(version.name)


def _tell_differences(newest: pathlib.Path, chosen: pathlib.Path) -> None:
    """Warns of what clients of the newest version do without then."""
    before, after = (facts_of(x).get("contract") for x in (newest, chosen))
    if before and after and (found := breaks(before, after)):
        _LOG.warning("Clients of %s will find: %s.", newest, told(found))


def _spread_labels(base: pathlib.Path) -> None:
    """Tells the labels to the server, and to whoever reads the log."""
    refresh_config(base)
    labels = version_labels(base)
    said = f"{STABLE} is version {labels[STABLE]}"
    if labels[CANARY] != labels[STABLE]:
        said += f", {CANARY} is version {labels[CANARY]}"
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


def _listed(found: Mapping[int, pathlib.Path]) -> str:
    return ", ".join(map(str, sorted(found)))
