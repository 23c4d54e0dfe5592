"""What one run folder says of its run, however damaged it is."""

import dataclasses
import datetime
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from keras_ptft import files, settings
from keras_ptft.config import FIELDS, Config
from keras_ptft.errors import UserError, on_one_line
from keras_ptft.experiment.results import (
    RESULT_FILE,
    RunResult,
    comparison_row,
)
from keras_ptft.experiment.run_files import (
    CHECKPOINTS,
    ENVIRONMENT_FILE,
    FLAGS_FILE,
    REPORT_FILE,
)
from keras_ptft.training.checkpointing.store import Checkpoints

COMPLETE = "complete"
INTERRUPTED = "interrupted"
DAMAGED = "damaged"

_LINE = re.compile(r"\s*--(\w+)=(.*?)\s*")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run as its folder has it.

    Attributes:
        name: of the folder, from the folder of runs on.
        path: of the folder.
        state: "complete"; "interrupted", maybe with the step to resume from,
            also of a run that goes on; or "damaged" and why.
        settings: texts by name, as far as they can be read.
        stage: of `result.json`, or else what the settings ask for; empty:
            unknown.
        numbers: metrics of the test split, `trained_parameters` and
            `seconds`, of a complete run.
        ended: when its last file was written, or the report of a complete
            run, in local time as 2026-01-31T09:30; empty: unknown.
    """

    name: str
    path: pathlib.Path
    state: str
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    stage: str = ""
    numbers: Mapping[str, float] = dataclasses.field(default_factory=dict)
    ended: str = ""


class _DamageError(Exception):
    """A file of a run folder is not as a run writes it."""


def is_run_folder(folder: pathlib.Path) -> bool:
    """Returns whether a folder holds a file by which a run is known."""
    names = (FLAGS_FILE, RESULT_FILE, ENVIRONMENT_FILE)
    return any(os.path.lexists(folder / name) for name in names)


def read_run(folder: pathlib.Path, name: str) -> Run:
    """Reads a run folder; what cannot be read makes the run a damaged one.

    Args:
        folder: where `is_run_folder` holds.
        name: what the run is called.
    """
    given: Mapping[str, str] = {}
    try:
        text = _read_flags(folder / FLAGS_FILE)
        # what is left of damaged settings still names the parent
        given = _lines(text)
        given = _checked(text)
        environment = _read_environment(folder / ENVIRONMENT_FILE)
        result = _read_result(folder / RESULT_FILE)
    except _DamageError as damage:
        state = f"{DAMAGED}: {damage}".rstrip(".")
        return Run(name, folder, state, given)
    # earlier versions did not write it
    usual = "finetune" if given["init_from"] else "pretrain"
    stage = str(environment.get("stage", usual))
    if result is None:
        state, ended = _state_of_unfinished(folder), _last_written(folder)
        return Run(name, folder, state, given, stage, ended=ended)
    stage, numbers = result
    ended = _time_of(folder / REPORT_FILE) or _time_of(folder / RESULT_FILE)
    return Run(name, folder, COMPLETE, given, stage, numbers, ended)


def _read_flags(path: pathlib.Path) -> str:
    try:
        return files.read_text(path)
    except FileNotFoundError:
        raise _DamageError(f"{path.name} is missing") from None
    except OSError as error:
        raise _DamageError(f"{path.name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _DamageError(f"{path.name} is no text in UTF-8") from error


def _lines(text: str) -> dict[str, str]:
    found = map(_LINE.fullmatch, text.splitlines())
    return {m[1]: m[2] for m in found if m and m[1] in FIELDS}


def _checked(text: str) -> dict[str, str]:
    """Every setting as a flagfile has it, with what was not written."""
    try:
        config = Config.from_flags(text)
    except UserError as error:
        raise _DamageError(f"{FLAGS_FILE}: {error}") from error
    return {
        name: settings.to_text(field, getattr(config, name))
        for name, field in FIELDS.items()
    }


def _read_environment(path: pathlib.Path) -> dict[str, Any]:
    # a run may have been killed before it wrote any
    found = _read_json(path) if path.exists() else {}
    if not isinstance(found, dict):
        raise _DamageError(f"{path.name} holds no environment")
    return found


def _read_json(path: pathlib.Path) -> Any:
    try:
        return files.read_json(path)
    except (UserError, RecursionError) as error:
        raise _DamageError(f"{path.name} is no JSON") from error


def _read_result(path: pathlib.Path) -> tuple[str, dict[str, float]] | None:
    """Returns the stage and the numbers of a complete run, or None."""
    if not os.path.lexists(path):
        return None
    found = _read_json(path)
    try:
        result = RunResult.from_json(found, path.name)
        if result.status != COMPLETE:
            return None
        row = comparison_row("", result)
        del row["run"]
        numbers = {name: _number(value) for name, value in row.items()}
        return str(result.stage), numbers
    except UserError as error:
        raise _DamageError(on_one_line(error)) from error
    except Exception as error:
        # JSON of any form may stand there, in which a reader of results may
        # stumble over anything
        raise _DamageError(f"{path.name} is not as a run writes it") from error


def _number(value: Any) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {value!r}")
    # one that no float can hold could not be sorted
    float(value)
    return value


def _state_of_unfinished(folder: pathlib.Path) -> str:
    step = Checkpoints(folder / CHECKPOINTS).latest_step()
    return INTERRUPTED if step is None else f"{INTERRUPTED}, step {step:,}"


def _last_written(folder: pathlib.Path) -> str:
    names = (CHECKPOINTS, ENVIRONMENT_FILE, FLAGS_FILE)
    return max(_time_of(folder / name) for name in names)


def _time_of(path: pathlib.Path) -> str:
    try:
        seconds = path.stat().st_mtime
        moment = datetime.datetime.fromtimestamp(seconds)
    except (OSError, OverflowError, ValueError):
        # no such file, or a time of no calendar
        return ""
    return moment.isoformat(timespec="minutes")
