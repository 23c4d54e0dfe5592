"""What is kept of a training whose loss is no longer a number.

That is enough to do the step again: the settings and the last checkpoint.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from keras_ptft import files
from keras_ptft.errors import DiskError, UserError
from keras_ptft.experiment.run_files import (
    CHECKPOINTS,
    ENVIRONMENT_FILE,
    FLAGS_FILE,
    LEARNING_RATE_FILE,
    PRIVACY_FILE,
)
from keras_ptft.training.checkpointing.store import Checkpoints

NONFINITE = "nonfinite"
"""Folder in a run folder."""

_FACTS_FILE = "step.json"
_KEPT = (FLAGS_FILE, ENVIRONMENT_FILE, LEARNING_RATE_FILE, PRIVACY_FILE)


def keep_failure(folder: pathlib.Path, facts: Mapping[str, Any]) -> None:
    """Copies what does a step again, and removes what was kept before.

    Args:
        folder: the run folder.
        facts: of the step.

    Raises:
        DiskError: the folder cannot be written.
    """
    forget_failure(folder)
    kept = folder / NONFINITE
    copy_state(folder, kept)
    files.write_json(kept / _FACTS_FILE, dict(facts))


def copy_state(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies the settings of a run and its last checkpoint.

    Raises:
        DiskError: the folder cannot be written.
    """
    wanted = [source / name for name in _KEPT]
    last = Checkpoints(source / CHECKPOINTS).latest_path()
    if last is not None:
        wanted.append(last)
    try:
        for path in filter(pathlib.Path.exists, wanted):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            _copy(path, copy)
    except OSError as error:
        raise DiskError(
            f"Cannot write {target}: {error.strerror}. Make room, or choose "
            "another --runs_dir."
        ) from error


def read_failure(folder: pathlib.Path) -> dict[str, Any]:
    """Reads the facts that `keep_failure` kept.

    Raises:
        UserError: none were, or they cannot be read.
    """
    path = folder / NONFINITE / _FACTS_FILE
    if not path.exists():
        raise UserError(
            f"{folder} must be the folder of a run whose loss was not finite, "
            f"got none with {NONFINITE}/{_FACTS_FILE}: check the path."
        )
    return dict(files.read_json(path))


def forget_failure(folder: pathlib.Path) -> None:
    """Removes what was kept, if anything was."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder / NONFINITE)


def _copy(path: pathlib.Path, copy: pathlib.Path) -> None:
    """Copies a file, which takes no room where the file system can share."""
    try:
        os.link(path, copy)
    except OSError:
        shutil.copyfile(path, copy)
