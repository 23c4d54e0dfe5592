"""The run folder: everything a run leaves behind, and whether it may."""

import contextlib
import logging
import os
import pathlib
import platform
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_ptft import files
from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import DiskError, UserError
from keras_ptft.registry import nearest
from keras_ptft.training.checkpointing.store import Checkpoints

_LOG = logging.getLogger("keras_ptft")

CHECKPOINTS = "checkpoints"
SCRATCH = "scratch"
_FLAGS = "flags.flags"
# what may change without the run becoming another one
NON_IDENTITY_FIELDS = frozenset(
    (
        *("name", "runs_dir", "overwrite", "data_dir", "manual_dir"),
        *("checkpoint_every", "keep_checkpoints", "export_to", "csv"),
        *("generate", "temperature", "top_k"),
    )
)
# from what says that a run is complete to what says that there is one
ARTIFACTS = (
    *("result.json", "report.html", "backbone.keras", "model.keras"),
    *("history.csv", "tensorboard", "labels.json", "environment.json"),
    *("tokenizer.json", "vocabulary.txt", "vectors.txt", "projector"),
    *("seen.npz", _FLAGS),
)


def open_run(
    folder: str | os.PathLike, config: Config, *, parent: str = ""
) -> tuple[pathlib.Path, dict[str, Any] | None]:
    """Looks whether a run folder is free for these settings.

    Nothing is written: that waits until training can begin (`exclusive_run`),
    so that a mistake in the settings leaves nothing behind.

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
    if (folder / _FLAGS).exists() and not config.overwrite:
        _check_same(folder, config)
        _check_origin(folder, {"parent": parent})
        _remove_leftovers(folder)
        if is_complete(folder):
            _LOG.info("%s is complete already.", folder)
            return folder, files.read_json(folder / "result.json")
        _LOG.info("%s was not completed: it goes on.", folder)
    return folder, None


@contextlib.contextmanager
def exclusive_run(
    folder: pathlib.Path, config: Config, origin: Mapping[str, Any]
) -> Iterator[None]:
    """Makes a run folder these settings' own while its block trains.

    What a run with the same settings and origin left unfinished stays, to
    be gone on with. Anything else that a run left is removed first, and
    what this one wrote if it ends in a mistake of the user's, who may then
    try again; not so where the disk is full, which is no end.

    Args:
        folder: the run folder.
        config: the settings of the run.
        origin: what else decides it: fingerprints of its "data", and that
            of its "parent".

    Raises:
        UserError: the folder cannot be cleared or written, or the origin
            of what is unfinished was another.
    """
    begun = _is_resumable(folder, config, origin)
    if not begun:
        _clear(folder)
    files.write_text(folder / _FLAGS, config.to_flags())
    if not (folder / "environment.json").exists():
        facts = environment(**origin)
        files.write_json(folder / "environment.json", facts)
    try:
        yield
    except DiskError:
        raise
    except UserError:
        if not begun:
            _clear(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def is_complete(folder: str | os.PathLike) -> bool:
    """Whether the run in `folder` went through to its end."""
    path = pathlib.Path(folder) / "result.json"
    if not path.exists():
        return False
    result = files.read_json(path)
    if not isinstance(result, dict) or "status" not in result:
        raise UserError(f"{path} must hold a result: run its stage again.")
    return result["status"] == "complete"


def read_config(folder: str | os.PathLike) -> Config:
    """The settings of a run.

    Raises:
        UserError: `folder` is not a run folder.
    """
    path = pathlib.Path(folder) / _FLAGS
    if not path.exists():
        raise UserError(
            f"{folder} is not a run folder: expected flags.flags in it."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"Cannot read {path}: {error}. Expected the settings of a run: "
            "restore the file, or run the stage under another --name."
        ) from error
    return Config.from_flags(text)


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
        if (path / _FLAGS).exists():
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
    if (folder / _FLAGS).exists():
        return
    # it may have been about to become a run folder
    files.remove_leftovers(folder)
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


def _is_resumable(
    folder: pathlib.Path, config: Config, origin: Mapping[str, Any]
) -> bool:
    """Whether the very same run was begun and is not complete."""
    if not (folder / _FLAGS).exists() or is_complete(folder):
        return False
    try:
        _check_same(folder, config)
        _check_origin(folder, origin)
    except UserError:
        if not config.overwrite:
            raise
        return False
    return True


def _check_same(folder: pathlib.Path, config: Config) -> None:
    old = read_config(folder)
    differences = [
        f"--{name}={_shown(old, name)} there, {_shown(config, name)} now"
        for name in FIELDS
        if name not in NON_IDENTITY_FIELDS
        and getattr(old, name) != getattr(config, name)
    ]
    if differences:
        raise UserError(
            f"{folder} holds a run with other settings "
            f"({'; '.join(differences)}): choose another --name, or "
            "--overwrite it."
        )


def _check_origin(folder: pathlib.Path, origin: Mapping[str, Any]) -> None:
    path = folder / "environment.json"
    # a run may have ended before it wrote any
    known = files.read_json(path) if path.exists() else origin
    what = {"parent": "was fine-tuned from weights", "data": "was run on data"}
    for name, now in origin.items():
        if known.get(name, now) != now:
            raise UserError(
                f"{folder} {what[name]} that have changed since: choose "
                "another --name, or --overwrite it."
            )


def _shown(config: Config, name: str) -> str:
    value = getattr(config, name)
    return "''" if value == "" else str(value)


def _remove_leftovers(folder: pathlib.Path) -> None:
    """Removes what was being written when a run was killed."""
    for place in (folder, folder / SCRATCH):
        files.remove_leftovers(place)
        files.remove_leftovers(place / CHECKPOINTS)


def _clear(folder: pathlib.Path) -> None:
    """Removes what an earlier run left, and nothing else."""
    _remove_leftovers(folder)
    scratch = folder / SCRATCH
    if scratch.is_dir():
        _clear(scratch)
        with contextlib.suppress(OSError):
            scratch.rmdir()
    Checkpoints(folder / CHECKPOINTS).remove()
    try:
        for name in ARTIFACTS:
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise DiskError(
            f"Cannot clear {folder}: {error.strerror}. Choose another --name."
        ) from error
