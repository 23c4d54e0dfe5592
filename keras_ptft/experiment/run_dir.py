"""The run folder: everything a run leaves behind, and whether it may."""

import contextlib
import enum
import logging
import os
import pathlib
import platform
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source, fingerprint
from keras_ptft.errors import DiskError, UserError
from keras_ptft.evaluation.predictions import PREDICTIONS_FILE
from keras_ptft.experiment import identity
from keras_ptft.experiment.failure import (
    NONFINITE,
    forget_failure,
    keep_failure,
)
from keras_ptft.experiment.remote_runs import localised, portable
from keras_ptft.experiment.results import (
    RESULT_FILE,
    RunResult,
    read_result,
)
from keras_ptft.experiment.run_files import (
    CARD_FILE,
    CHECKPOINTS,
    ENVIRONMENT_FILE,
    FLAGS_FILE,
    LEARNING_RATE_FILE,
    MARKDOWN_FILE,
    NON_IDENTITY_FIELDS,
    PRIVACY_FILE,
    PRIVATE_FEATURES,
    REPORT_FILE,
)
from keras_ptft.objectives.saved import (
    LABELS_FILE,
    OBJECTIVE_FILE,
    TEMPERATURE_FILE,
    THRESHOLDS_FILE,
)
from keras_ptft.registry import nearest
from keras_ptft.remote.mirrored import opened, push
from keras_ptft.training.checkpointing.store import Checkpoints
from keras_ptft.training.nonfinite import NonFiniteError

_LOG = logging.getLogger("keras_ptft")

MODEL_FILE = "model.keras"
BACKBONE_FILE = "backbone.keras"
ADAPTER_FILE = "adapter.safetensors"
SCRATCH = "scratch"
SHADOWS = "shadows"

ARTIFACTS = (
    RESULT_FILE,
    REPORT_FILE,
    MARKDOWN_FILE,
    CARD_FILE,
    BACKBONE_FILE,
    MODEL_FILE,
    ADAPTER_FILE,
    LEARNING_RATE_FILE,
    PRIVACY_FILE,
    "history.csv",
    "tensorboard",
    SHADOWS,
    LABELS_FILE,
    THRESHOLDS_FILE,
    TEMPERATURE_FILE,
    PREDICTIONS_FILE,
    OBJECTIVE_FILE,
    ENVIRONMENT_FILE,
    "tokenizer.json",
    "vocabulary.txt",
    "vectors.txt",
    "projector",
    "seen.npz",
    PRIVATE_FEATURES,
    FLAGS_FILE,
)
"""What a run writes, in the order in which it is removed: what says that the
run is complete first, what says that there is a run last."""

Provenance = Mapping[str, Any]
"""What decides a run beside its settings: its "stage", and fingerprints of its
"data" and of the weights it starts from, "parent"."""


class State(enum.Enum):
    """What a run folder is to a run that is about to start."""

    NEW = "new"
    RESUME = "resume"
    COMPLETE = "complete"


def decide(
    folder: pathlib.Path, config: Config, provenance: Provenance
) -> State:
    """Decides what a run with these settings does with a folder.

    Args:
        folder: the run folder; it need not exist.
        config: the settings of the run.
        provenance: as much of it as is known yet.

    Returns:
        NEW: empty, or what is there is overwritten. RESUME: the same run was
        begun. COMPLETE: the same run has ended. Batches of another size make
        the same run if a step has as many examples.

    Raises:
        UserError: the folder holds a run with other settings or another
            provenance, or something else than a run.
    """
    if not (folder / FLAGS_FILE).exists():
        _check_free(folder)
        return State.NEW
    complete = is_complete(folder)
    if complete and config.overwrite:
        return State.NEW
    try:
        old = read_config(folder)
        identity.check_same(folder, old, config, NON_IDENTITY_FIELDS)
        # a run may have been killed before it wrote any
        path = folder / ENVIRONMENT_FILE
        known = files.read_json(path) if path.exists() else provenance
        identity.check_provenance(folder, known, provenance)
    except UserError:
        if not config.overwrite:
            raise
        return State.NEW
    return State.COMPLETE if complete else State.RESUME


def open_run(
    folder: pathlib.Path, config: Config, provenance: Provenance
) -> RunResult | None:
    """Decides on a folder before any data are loaded, and says so.

    Nothing of a run is written or removed: that waits until training begins
    (`exclusive_run`), so that an error in the settings leaves nothing behind.

    Args:
        folder: the run folder; it need not exist.
        config: the settings of the run.
        provenance: as much of it as is known yet.

    Returns:
        The result of the run if it is complete, or None if it is to be run.

    Raises:
        UserError: see `decide`.
    """
    state = decide(folder, config, provenance)
    if state is not State.NEW:
        _remove_leftovers(folder)
    if state is State.COMPLETE:
        _LOG.info("%s is complete already.", folder)
    elif state is State.RESUME:
        _LOG.info("Resuming the incomplete run in %s.", folder)
        identity.tell_batches(read_config(folder), config)
    return read_result(folder) if state is State.COMPLETE else None


@contextlib.contextmanager
def exclusive_run(
    folder: pathlib.Path, config: Config, provenance: Provenance
) -> Iterator[None]:
    """Prepares a run folder, and holds it while its block trains.

    An unfinished run with the same settings and provenance is kept and
    resumed. Anything else that a run left is removed first. If the block
    raises a UserError in a new run, what it wrote is removed, so that the
    user can try again; except when the disk is full. Where a loss is not
    finite, what does that step again is kept.

    Args:
        folder: the run folder.
        config: the settings of the run.
        provenance: all of it.

    Raises:
        UserError: see `decide`; or the folder cannot be written.
    """
    new = decide(folder, config, provenance) is not State.RESUME
    if new:
        _clear(folder)
        forget_failure(folder)
    files.write_text(folder / FLAGS_FILE, portable(config).to_flags())
    if not (folder / ENVIRONMENT_FILE).exists():
        files.write_json(folder / ENVIRONMENT_FILE, environment(**provenance))
    push(folder, claim=True)
    try:
        yield
    except DiskError:
        raise
    except NonFiniteError as error:
        keep_failure(folder, error.facts)
        if new:
            _clear(folder)
        shown = f"keras_ptft.replay({os.fspath(folder)!r})"
        raise UserError(f"{error} {shown} in Python does it again.") from error
    except UserError:
        if new:
            _clear(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def complete_run(
    run: str | os.PathLike,
) -> tuple[pathlib.Path, Config, RunResult]:
    """Returns the folder, the settings and the result of a run.

    Args:
        run: its folder, or its URL.

    Raises:
        UserError: it is no run folder, or the run has not ended.
    """
    folder = opened(run)
    config = read_config(folder)
    result = read_result(folder)
    if result is None:
        raise UserError(f"The run in {run} is not complete: run it to its end.")
    return folder, config, result


def is_complete(folder: str | os.PathLike) -> bool:
    """Returns whether the run in a folder has ended."""
    return read_result(folder) is not None


def was_scored_on(folder: str | os.PathLike, source: Source) -> bool:
    """Returns whether a test split is the one that a run was scored on.

    Args:
        folder: the run folder.
        source: the test split as it is now.
    """
    known, now = read_environment(folder), fingerprint(source)
    return bool(known.get("data", {}).get("test", now) == now)


def read_environment(folder: str | os.PathLike) -> dict[str, Any]:
    """Returns versions, devices and fingerprints of a run, where it has any.

    Args:
        folder: the run folder.
    """
    path = pathlib.Path(folder) / ENVIRONMENT_FILE
    return dict(files.read_json(path)) if path.exists() else {}


def read_config(folder: str | os.PathLike) -> Config:
    """Returns the settings of a run.

    Raises:
        UserError: `folder` is not a run folder.
    """
    path = pathlib.Path(folder) / FLAGS_FILE
    if not path.exists():
        raise UserError(
            f"{folder} is not a run folder: expected flags.flags in it."
        )
    try:
        text = files.read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"Cannot read {path}: {error}. Expected the settings of a run, in "
            "UTF-8: restore the file, or run the stage under another --name."
        ) from error
    return localised(Config.from_flags(text))


def find_backbone(
    init_from: str, runs_dir: str, known_models: Iterable[str] = ()
) -> pathlib.Path:
    """Finds the `.keras` file of a pretrained backbone.

    Args:
        init_from: a run name in `runs_dir`, a run folder or a file, or the
            URL of one of these.
        runs_dir: folder that holds run folders.
        known_models: other names that it could have, for errors.

    Raises:
        UserError: there is none, or its run is not complete.
    """
    if not init_from:
        raise UserError(
            "Fine-tuning needs --init_from: a run name, a run folder, a "
            ".keras file or a known model."
        )
    for path in _candidates(init_from, runs_dir):
        if path.is_file():
            return path
        if (path / FLAGS_FILE).exists():
            if is_complete(path) and (path / BACKBONE_FILE).exists():
                return path / BACKBONE_FILE
            raise UserError(
                f"The run in {path} is not complete: run it to its end first."
            )
    runs = sorted(
        p.parent.name for p in pathlib.Path(runs_dir).glob("*/flags.flags")
    )
    models = sorted(known_models)
    known = f"; known models: {', '.join(models)}" if models else ""
    guess = nearest(init_from, [*runs, *models])
    remedy = "" if guess else "; pretrain one first"
    raise UserError(
        f"No pretrained run, .keras file or known model {init_from!r}{guess}; "
        f"runs in {runs_dir}: {', '.join(runs) or 'none'}{known}{remedy}."
    )


def locate(name: str, runs_dir: str) -> pathlib.Path:
    """Returns the folder of a complete run, or a file, of this name.

    Args:
        name: as `find_backbone` takes it.
        runs_dir: folder that holds run folders.

    Raises:
        UserError: there is none, or the run is not complete.
    """
    path = find_backbone(name, runs_dir)
    return path if path in _candidates(name, runs_dir) else path.parent


def exists(init_from: str, runs_dir: str) -> bool:
    """Returns whether there is such a run, run folder or file."""
    return any(
        path.is_file() or (path / FLAGS_FILE).exists()
        for path in _candidates(init_from, runs_dir)
    )


def _candidates(init_from: str, runs_dir: str) -> list[pathlib.Path]:
    if files.is_url(init_from):
        return [opened(init_from)]
    return [opened(pathlib.Path(runs_dir) / init_from), pathlib.Path(init_from)]


def environment(**facts: Any) -> dict[str, Any]:
    """Returns versions and devices of this process, and facts of the run."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "devices": [d.name for d in tf.config.list_logical_devices()],
        **facts,
    }


def save_models(
    folder: pathlib.Path, backbone: keras.Model, model: keras.Model
) -> None:
    """Writes backbone.keras and model.keras, each whole or not at all."""
    for name, saved in ((BACKBONE_FILE, backbone), (MODEL_FILE, model)):
        with files.replacing(folder / name) as partial:
            saved.save(partial)


def _check_free(folder: pathlib.Path) -> None:
    """Refuses a folder that holds files which no run wrote.

    What was kept of a run whose loss was not finite makes room for the next.
    """
    # a run may have been killed while it wrote its first file
    files.remove_leftovers(folder)
    try:
        others = (p for p in folder.iterdir() if p.name != NONFINITE)
        found = next(others, None)
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
