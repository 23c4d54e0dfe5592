"""A comparison in short, and what it refuses."""

import pytest

from keras_ptft import Config, UserError
from keras_ptft.comparison.compare import compare
from keras_ptft.comparison.settings import CompareConfig
from keras_ptft.experiment import stages
from keras_ptft.files import read_json
from keras_ptft.main import main

SETTINGS = {
    "image_size": 8,
    "epochs": 1,
    "train_examples": 60,
    "batch_size": 30,
    "explain": False,
    "jit_compile": "false",
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_probe_beside_a_linear_model():
    backbone = "cnn_single(filters=[4], dense=4)"
    first = Config(name="first", classes="0-4", backbone=backbone, **SETTINGS)
    stages.pretrain(first)
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


@pytest.mark.slow
def test_a_training_from_nothing_beside_another(caplog):
    recipe = Config(name="first", backbone="mlp(hidden=[8])", **SETTINGS)
    wider = "wider: --backbone='mlp(hidden=[16])'"
    beside = CompareConfig(
        seeds=2, variant=(wider,), require=("accuracy>=0.999",)
    )
    with caplog.at_level("INFO", "keras_ptft"):
        compared = compare(recipe, beside)
    assert "Without scratch: that is the recipe itself." in caplog.messages
    assert "Without probe: nothing was pretrained." in caplog.messages
    rows = {row.variant: row for row in compared.summary.rows}
    assert list(rows) == ["linear", "trained", "wider"]
    assert rows["trained"].trained_parameters == 64 * 8 + 8 + 8 * 10 + 10
    names = "runs/first-compare/{}-all-{}/result.json"
    own, other = (
        [
            read_json(names.format(name, seed))["metrics"]["test"]["accuracy"]
            for seed in range(2)
        ]
        for name in ("trained", "wider")
    )
    gain = rows["wider"].against["trained"].gain
    assert gain == pytest.approx(sum(other) / 2 - sum(own) / 2)
    assert rows["wider"].against["scratch"] is None
    (unmet,) = compared.unmet
    assert unmet.startswith("expected accuracy >= 0.999, found 0.")
    sentences = compared.summary.sentences["recipe"]
    assert all("a linear model" in sentence for sentence in sentences)


def test_what_names_no_recipe(capsys):
    for words in (["compare"], ["compare", "a.flags", "b.flags"]):
        assert main(words) == 2
        assert "Expected keras-ptft compare RECIPE" in capsys.readouterr().err


def test_workers_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(UserError, match="--parallel=N for several processes"):
        compare(Config(init_from="first"))
