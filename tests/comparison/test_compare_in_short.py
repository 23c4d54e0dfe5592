"""A comparison in short, and what it refuses."""

import pathlib

import pytest

import keras_ptft
from keras_ptft import Config, UserError
from keras_ptft.comparison.compare import compare
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.files import read_json
from keras_ptft.main import main

SETTINGS = {
    "image_size": 8,
    "epochs": 1,
    "train_examples": 60,
    "batch_size": 30,
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_probe_beside_a_linear_model():
    backbone = "cnn_single(filters=[4], dense=4)"
    first = Config(name="first", classes="0-4", backbone=backbone, **SETTINGS)
    keras_ptft.pretrain(first)
    recipe = Config(
        name="second",
        classes="5-9",
        init_from="first",
        probe="lbfgs",
        **SETTINGS,
    )
    compared = compare(recipe, CompareConfig(seeds=1, beside="linear"))
    rows = compared.summary.rows
    assert [row.variant for row in rows] == ["linear", "fine-tuned"]
    for row in rows:
        name = f"runs/second-compare/{row.variant}-all-0/result.json"
        test = read_json(name)["metrics"]["test"]
        assert row.metrics["accuracy"].mean == test["accuracy"]
        assert row.metrics["accuracy"].low is None
    assert compared.unmet == []
    names = {path.name for path in compared.folder.iterdir()}
    assert {"compare.json", "compare.html", "compare.md"} <= names
    table = {path.name for path in (compared.folder / "tensorboard").iterdir()}
    assert table == {"linear-recipe-0", "fine-tuned-recipe-0"}


def test_what_is_no_fine_tuning(capsys):
    pathlib.Path("first.flags").write_text("--name=a\n", "utf-8")
    assert main(["compare", "first.flags"]) == 2
    assert "compare needs a recipe that fine-tunes" in capsys.readouterr().err
    for words in (["compare"], ["compare", "a.flags", "b.flags"]):
        assert main(words) == 2
        assert "Expected keras-ptft compare RECIPE" in capsys.readouterr().err


def test_workers_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(UserError, match="--parallel=N for several processes"):
        compare(Config(init_from="first"))
