"""What a run folder says of its run, whole or damaged."""

import json
import os
import pathlib
import tempfile

import pytest

from keras_ptft import files
from keras_ptft.runs.reading import is_run_folder, read_run
from keras_ptft.training.checkpointing.store import Checkpoint, Checkpoints
from tests.runs.folders import NOON, scored, write_run

RESULT = {"run": "x", "status": "complete", "stage": "pretrain"}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "runs" / "x"
    write_run(folder, result=scored(accuracy=0.5, loss=2.0), epochs=7)
    return folder


@pytest.mark.slow
def test_a_real_run(runs_dir):
    run = read_run(runs_dir / "tuned", "tuned")
    result = files.read_json(runs_dir / "tuned" / "result.json")
    assert (run.state, run.stage) == ("complete", "finetune")
    assert run.settings["init_from"] == "digits"
    assert run.settings["learning_rate"] == "0.01"
    test = result["metrics"]["test"]
    assert run.numbers["accuracy"] == test["accuracy"]
    assert run.numbers["trained_parameters"] == result["trained_parameters"]
    assert "per_class" not in run.numbers


def test_a_run_that_was_stopped_tells_the_step(runs_dir):
    # what a kill leaves just before the result is written
    (runs_dir / "digits" / "result.json").unlink()
    run = read_run(runs_dir / "digits", "digits")
    names = os.listdir(runs_dir / "digits" / "checkpoints")
    last = max(int(name.split("-")[1]) for name in names)
    assert last > 0 and run.state == f"interrupted, step {last}"
    assert (run.stage, run.numbers) == ("pretrain", {})


def test_of_a_large_step_the_thousands_are_set_apart(folder):
    (folder / "result.json").unlink()
    assert read_run(folder, "x").state == "interrupted"
    checkpoints = Checkpoints(folder / "checkpoints")
    for step in (900, 12_000):
        checkpoints.write(Checkpoint(step, {}, {"resumed": []}))
    os.utime(folder / "checkpoints", (NOON + 60, NOON + 60))
    run = read_run(folder, "x")
    assert run.state == "interrupted, step 12,000"
    assert run.ended == "2025-06-15T15:07"


def test_the_end_is_that_of_the_report(folder):
    # an evaluation writes into the result later
    os.utime(folder / "result.json", (NOON + 600, NOON + 600))
    assert read_run(folder, "x").ended == "2025-06-15T15:06"
    (folder / "report.html").unlink()
    assert read_run(folder, "x").ended == "2025-06-15T15:16"


def test_settings_that_a_file_lacks_have_their_defaults(folder):
    (folder / "flags.flags").write_text("--name=x\n--epochs=7\n")
    given = read_run(folder, "x").settings
    assert (given["epochs"], given["batch_size"]) == ("7", "64")


def test_seconds_are_those_of_features_and_training(tmp_path):
    seconds = {"data": 5.0, "features": 0.5, "train": 2.0}
    result = {**scored(loss=1.0), "seconds": seconds}
    write_run(tmp_path / "x", result=result)
    assert read_run(tmp_path / "x", "x").numbers["seconds"] == 2.5


def damage(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content)
    else:
        path.write_text(json.dumps(content))


NOT_WRITTEN = "result.json is not as a run writes it"
NO_RESULT = "result.json must hold a result: run its stage again"


@pytest.mark.parametrize(
    "name, content, reason",
    [
        (
            "result.json",
            {**RESULT, "schema": 99},
            "result.json has schema 99, expected at most 1: use the "
            "keras-ptft that wrote it",
        ),
        ("result.json", "", "result.json is no JSON"),
        ("result.json", '{"run": "x", "sta', "result.json is no JSON"),
        ("result.json", b"\xff\xfe{", "result.json is no JSON"),
        ("result.json", "[" * 200_000, "result.json is no JSON"),
        ("result.json", [1, 2], NO_RESULT),
        ("result.json", {"run": "x"}, NO_RESULT),
        ("result.json", RESULT, NOT_WRITTEN),
        ("result.json", {**RESULT, "schema": "new"}, NOT_WRITTEN),
        ("result.json", {**RESULT, "metrics": 3}, NOT_WRITTEN),
        (
            "result.json",
            {**RESULT, **scored(), "trained_parameters": "many"},
            NOT_WRITTEN,
        ),
        (
            "result.json",
            {**RESULT, **scored(), "trained_parameters": 10**400},
            NOT_WRITTEN,
        ),
        ("environment.json", "{", "environment.json is no JSON"),
        ("environment.json", [], "environment.json holds no environment"),
        (
            "flags.flags",
            "--name=x\n--epohcs=2\n",
            "flags.flags: Unknown setting 'epohcs' (did you mean \"epochs\"?): "
            "write one --setting=value a line",
        ),
        (
            "flags.flags",
            "--epochs=0\n",
            "flags.flags: --epochs must be at least 1 and finite, got 0",
        ),
        ("flags.flags", b"--name=\xff", "flags.flags is no text in UTF-8"),
    ],
)
def test_damage_is_told(folder, name, content, reason):
    damage(folder / name, content)
    run = read_run(folder, "x")
    assert run.state == f"damaged: {reason}"
    assert (run.numbers, run.ended) == ({}, "")


def test_files_that_are_none(folder):
    (folder / "flags.flags").unlink()
    assert read_run(folder, "x").state == "damaged: flags.flags is missing"
    assert read_run(folder, "x").settings == {}
    (folder / "flags.flags").mkdir()
    state = read_run(folder, "x").state
    assert state == "damaged: flags.flags: Is a directory"


def test_a_result_that_is_not_complete_is_an_interrupted_run(folder):
    damage(folder / "result.json", {**RESULT, "status": "half"})
    assert read_run(folder, "x").state == "interrupted"


def test_settings_of_a_later_version_still_name_the_parent(folder):
    text = "--init_from=a b\n --dataset=digits \nwords\n--new_one=1\n"
    (folder / "flags.flags").write_text(text)
    run = read_run(folder, "x")
    assert run.state.startswith("damaged: flags.flags: Unknown setting")
    assert run.settings == {"init_from": "a b", "dataset": "digits"}


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="no such disk")
def test_a_time_of_no_calendar_is_unknown():
    # of the year 36812, which few disks hold
    late = 2**40
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = pathlib.Path(name, "x")
        write_run(folder, result=scored(loss=1.0))
        for path in folder.iterdir():
            os.utime(path, (late, late))
        assert read_run(folder, "x").ended == ""


@pytest.mark.parametrize(
    "name, is_one",
    [
        ("flags.flags", True),
        ("result.json", True),
        ("environment.json", True),
        ("compare.json", False),
    ],
)
def test_what_a_run_folder_is_known_by(tmp_path, name, is_one):
    pathlib.Path(tmp_path, name).touch()
    assert is_run_folder(tmp_path) is is_one
