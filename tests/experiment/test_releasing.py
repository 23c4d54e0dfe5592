"""Versions of a run, from the command line to the folder of a server."""

import pathlib

import pytest

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.experiment.exporting import publish
from keras_ptft.experiment.results import ExportResult, RunResult
from keras_ptft.main import main
from tests.serving.small_versions import publish_small

EXPORTS = pathlib.Path("saved_models/x")
TRAINING = [
    "pretrain",
    "--name=x",
    "--backbone=mlp(hidden=[8])",
    "--image_size=8",
    "--epochs=1",
    "--train_examples=300",
    "--explain=false",
    "--jit_compile=false",
]


def names():
    kept = (path.name for path in EXPORTS.iterdir())
    return sorted(name for name in kept if name != "serving")


def facts(version):
    return files.read_json(EXPORTS / version / "assets.extra/export.json")


@pytest.mark.slow
def test_versions_from_export_to_rollback(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*TRAINING, f"--export_to={EXPORTS}"]) == 0
    contract = facts("1")["contract"]
    assert contract["labels"] == list("0123456789")
    default = contract["signatures"]["serving_default"]
    assert default["outputs"]["logits"]["shape"] == [None, 10]
    assert facts("1")["release"] == {"canary": False}

    # which a user may edit
    labels = pathlib.Path("runs/x/labels.json")
    files.write_json(labels, ["null", *"123456789"])
    capsys.readouterr()
    assert main(["export", "runs/x"]) == 2
    told = capsys.readouterr().err
    assert "label 0 is 'null', was '0'" in told
    assert "--breaking" in told and len(told.splitlines()) == 1
    assert names() == ["1"]

    words = ["export", "runs/x", "--breaking", "--canary", "--keep_versions=1"]
    assert main(words) == 0
    assert names() == ["1", "2", "versions.json"]
    state = files.read_json(EXPORTS / "versions.json")
    assert (state["stable"], state["canary"]) == ([1], 2)
    assert facts("2")["release"] == {"canary": True}
    assert files.read_json("runs/x/result.json")["export"]["version"] == 2

    assert main(["promote", str(EXPORTS)]) == 0
    assert main(["rollback", str(EXPORTS)]) == 0
    assert facts("3")["release"] == {"canary": False, "rollback_of": 1}
    state = files.read_json(EXPORTS / "versions.json")
    assert state["stable"] == [1, 2, 3]
    capsys.readouterr()
    assert main(["versions", str(EXPORTS)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "version 1 again" in lines[3]
    assert "label 0 is 'null', was '0'" in lines[2]
    assert main(["rollback", str(EXPORTS), "--to=9"]) == 2
    assert "--to=9 must be a version" in capsys.readouterr().err


def test_mistakes_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words in (
        ["rollback"],
        ["rollback", "none"],
        ["rollback", "none", "--to=-1"],
        ["promote", "none"],
        ["promote", "none", "--to=1"],
        ["promote", "a", "b"],
        ["versions", "none"],
    ):
        assert main(words) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_version_that_newer_ones_replaced_is_not_published_again(tmp_path):
    for _ in range(3):
        publish_small(tmp_path, keep=2)
    done = ExportResult(
        base=str(tmp_path),
        path=str(tmp_path / "1"),
        version=1,
        largest_difference={},
    )
    result = RunResult(run="x", stage="pretrain", export=done)
    config = Config(export_to=str(tmp_path))
    # without a look at the run, which is not there
    assert publish(tmp_path / "x", config, result) is result
