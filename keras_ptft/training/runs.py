"""The run folder: everything a run leaves behind, and whether it may."""

import contextlib
import logging
import os
import pathlib
import platform
import shutil
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_ptft import files
from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import UserError
from keras_ptft.registry import nearest

_LOG = logging.getLogger("keras_ptft")

# what may change without the run becoming another one
CIRCUMSTANCES = frozenset(
    (
        *("name", "runs_dir", "overwrite", "data_dir", "manual_dir"),
        *("export_to", "csv"),
    )
)
# from what says that a run is complete to what says that there is one
PRODUCTS = (
    *("result.json", "report.html", "backbone.keras", "model.keras"),
    *("history.csv", "tensorboard", "labels.json", "environment.json"),
    "flags.flags",
)


def open_run(
    folder: str | os.PathLike, config: Config, *, parent: str = ""
) -> tuple[pathlib.Path, dict[str, Any] | None]:
    """Looks whether a run folder is free for these settings.

    Nothing is written: that waits until training can begin (`claimed`), so
    that a mistake in the settings leaves nothing behind.

    Args:
        folder: the run folder; it need not exist.
        config: the settings of the run.
        parent: fingerprint of the pretrained weights it starts from.

    Returns:
        The folder, and the result of the run if it is complete already, or
        None if it is to be run.

    Raises:
        UserError: the folder holds a run with other settings or another
            parent, or something else than a run.
    """
    folder = pathlib.Path(folder)
    _check_free(folder)
    if (folder / "flags.flags").exists() and not config.overwrite:
        _check_same(folder, config)
        if is_complete(folder):
            _check_parent(folder, parent)
            _LOG.info("%s is complete already.", folder)
            return folder, files.read_json(folder / "result.json")
        _LOG.info("%s was not completed: it starts again.", folder)
    return folder, None


@contextlib.contextmanager
def claimed(folder: pathlib.Path, config: Config) -> Iterator[None]:
    """Makes a run folder these settings' own while its block trains.

    What an earlier run left is removed first, and what this one wrote if it
    ends in a mistake of the user's, who may then try again.

    Raises:
        UserError: the folder cannot be cleared or written.
    """
    _clear(folder)
    files.write_text(folder / "flags.flags", config.to_flags())
    try:
        yield
    except UserError:
        _clear(folder)
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise


def is_complete(folder: str | os.PathLike) -> bool:
    """Whether the run in `folder` went through to its end."""
    path = pathlib.Path(folder) / "result.json"
    return path.exists() and files.read_json(path)["status"] == "complete"


def read_config(folder: str | os.PathLike) -> Config:
    """The settings of a run.

    Raises:
        UserError: `folder` is not a run folder.
    """
    path = pathlib.Path(folder) / "flags.flags"
    if not path.exists():
        raise UserError(
            f"{folder} is not a run folder: expected flags.flags in it."
        )
    return Config.from_flags(path.read_text(encoding="utf-8"))


def find_backbone(init_from: str, runs_dir: str) -> pathlib.Path:
    """The `.keras` file of a pretrained backbone.

    Args:
        init_from: a run name in `runs_dir`, a run folder or a file.
        runs_dir: folder that holds run folders.

    Raises:
        UserError: there is none, or its run is not complete.
    """
    if not init_from:
        raise UserError(
            "Fine-tuning needs --init_from: a run name, a run folder or a "
            ".keras file."
        )
    for path in (pathlib.Path(runs_dir) / init_from, pathlib.Path(init_from)):
        if path.is_file():
            return path
        if (path / "flags.flags").exists():
            if is_complete(path) and (path / "backbone.keras").exists():
                return path / "backbone.keras"
            raise UserError(
                f"The run in {path} is not complete: run it to its end first."
            )
    known = sorted(
        p.parent.name for p in pathlib.Path(runs_dir).glob("*/flags.flags")
    )
    raise UserError(
        f"No pretrained run or .keras file {init_from!r}"
        f"{nearest(init_from, known)}; runs in {runs_dir}: "
        f"{', '.join(known) or 'none'}; pretrain one first."
    )


def environment(**facts: Any) -> dict[str, Any]:
    """Versions and devices of this process, with more facts of the run."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "devices": [d.name for d in tf.config.list_logical_devices()],
        **facts,
    }


def save_model(path: str | os.PathLike, model: keras.Model) -> None:
    """Writes a `.keras` file, whole or not at all."""
    with files.replacing(path) as partial:
        model.save(partial)


def _check_free(folder: pathlib.Path) -> None:
    """Refuses a folder that holds files of another making."""
    if (folder / "flags.flags").exists():
        return
    try:
        found = next(iter(folder.iterdir()), None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(
            f"Cannot use {folder} as a run folder: {error.strerror}. Choose "
            "another --name or --runs_dir."
        ) from error
    if found is not None:
        raise UserError(
            f"{folder} must be empty or a run folder, it holds {found.name}: "
            "choose another --name."
        )


def _check_same(folder: pathlib.Path, config: Config) -> None:
    old = read_config(folder)
    differences = [
        f"--{name}={_shown(old, name)} there, {_shown(config, name)} now"
        for name in FIELDS
        if name not in CIRCUMSTANCES
        and getattr(old, name) != getattr(config, name)
    ]
    if differences:
        raise UserError(
            f"{folder} holds a run with other settings "
            f"({'; '.join(differences)}): choose another --name, or "
            "--overwrite it."
        )


def _shown(config: Config, name: str) -> str:
    value = getattr(config, name)
    return "''" if value == "" else str(value)


def _check_parent(folder: pathlib.Path, parent: str) -> None:
    known = files.read_json(folder / "environment.json").get("parent", "")
    if known != parent:
        raise UserError(
            f"{folder} was fine-tuned from weights that have changed since: "
            "choose another --name, or --overwrite it."
        )


def _clear(folder: pathlib.Path) -> None:
    """Removes what an earlier run left, and nothing else."""
    try:
        for name in PRODUCTS:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"Cannot clear {folder}: {error.strerror}. Choose another --name."
        ) from error
