"""Pretraining that goes on from known weights, with other data."""

import importlib.metadata
import os
import shutil

import keras
import numpy as np
import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment import stages
from keras_ptft.experiment.naming import name_of, stage_of
from keras_ptft.files import read_json
from keras_ptft.main import main
from keras_ptft.models.pretrained import FACTS
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.runs.reading import read_run

SMALL = {"explain": False, "jit_compile": "false", "learning_rate": 1e-3}
SMALL |= {"batch_size": 16, "epochs": 1, "on_leak": "drop"}
BODY = "embedding(width=16, hidden=[8], dropout=0.2)"
SIMCSE = {"objective": "simcse", "dataset": "lines:more.txt"}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A run of masked tokens, and one of simcse on other texts after it."""
    folder = tmp_path_factory.mktemp("chain")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, first in (("some", 0), ("more", 50)):
            lines = [
                f"a{n % 7} b{n % 5} c{n}" for n in range(first, first + 90)
            ]
            (folder / f"{name}.txt").write_text("\n".join([*lines, ""]))
        rows = [f"a{n % 7} b{n % 5}\tc{n} a{n % 7}\t{n % 2}" for n in range(90)]
        table = "\n".join(["one\tother\tlabel", *rows, ""])
        (folder / "pairs.tsv").write_text(table)
        run(
            "first",
            dataset="lines:some.txt",
            backbone=BODY,
            objective="masked_tokens",
        )
        run("second", init_from="first", epochs=3, keep_checkpoints=9, **SIMCSE)
    return folder


@pytest.fixture
def here(chain, tmp_path, monkeypatch):
    """A copy of that folder, which may be changed."""
    shutil.copytree(chain, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def run(name, **settings):
    return stages.pretrain(Config(name=name, **SMALL | settings))


def weights_of(run, file="model.keras"):
    return keras.saving.load_model(f"runs/{run}/{file}").get_weights()


def test_all_of_the_backbone_is_transferred_and_trained(chain, monkeypatch):
    monkeypatch.chdir(chain)
    result = read_json("runs/second/result.json")
    assert (result["stage"], result["objective"]) == ("pretrain", "simcse")
    assert result["transfer"]["share"] == 1.0
    layers = result["transfer"]["layers"]
    assert all(layer["trained"] == layer["parameters"] for layer in layers)
    assert result["audit"]["frozen_variables"] == 0
    # it says how far texts are apart, and whether that is a collapse
    assert {"loss", "feature_spread"} <= set(result["metrics"]["test"])
    first, second = (
        weights_of(r, "backbone.keras") for r in ("first", "second")
    )
    moved = [np.abs(a - b).max() for a, b in zip(first, second, strict=True)]
    # rows of ids that no text has stay
    assert np.mean(np.array(moved) > 0) > 0.9
    parent = read_json("runs/second/environment.json")["parent"]
    assert len(parent) == 32 or len(parent) == 64


def test_what_was_seen_is_handed_on(chain, monkeypatch):
    monkeypatch.chdir(chain)
    with np.load("runs/second/seen.npz") as seen:
        counts = {name: len(seen[name]) for name in seen.files}
    with np.load("runs/first/seen.npz") as seen:
        before = {name: len(seen[name]) for name in seen.files}
    assert any(counts[name] > before[name] > 0 for name in before)


def test_dropout_is_resumed_to_the_bit(here):
    before = weights_of("second")
    history = read_json("runs/second/result.json")["history"]
    for path in sorted((here / "runs/second/checkpoints").iterdir())[1:]:
        os.remove(path)
    os.remove("runs/second/result.json")
    assert read_run(here / "runs/second", "second").stage == "pretrain"
    again = run(
        "second", init_from="first", epochs=3, keep_checkpoints=9, **SIMCSE
    )
    assert again.resumed
    for old, new in zip(history, again.history, strict=True):
        assert (old["loss"], old["val_loss"]) == (new["loss"], new["val_loss"])
    for old, new in zip(before, weights_of("second"), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_pairs_then_a_probe_that_is_exported(capsys):
    words = "--dataset=tsv:pairs.tsv --text_column=one,other --label_column="
    words += " --objective=contrastive_pairs --init_from=second --batch_size=16"
    words += " --explain=false --jit_compile=false --epochs=1 --freeze=sequence"
    words += " --on_leak=drop"
    assert main(["pretrain", "--name=third", *words.split()]) == 0
    test = read_json("runs/third/result.json")["metrics"]["test"]
    assert 0 < test["pair_accuracy"] <= 1 and test["examples"] > 4
    assert 0 < test["mean_reciprocal_rank"] <= 1
    audit = read_json("runs/third/result.json")["audit"]
    assert audit["frozen_variables"] == 1 and audit["changed"] == []
    words = "--name=probe --init_from=third --dataset=tsv:pairs.tsv "
    words += "--text_column=other --probe=lbfgs --export_to=saved --explain="
    words += "false --on_leak=warn"
    assert main(["finetune", *words.split()]) == 0, capsys.readouterr().err
    assert main(["predict", "saved", "some.txt"]) == 0
    result = read_json("runs/probe/result.json")
    assert result["export"]["version"] == 1


REFUSED = [
    (
        {"init_from": "first", "objective": "classification"},
        "belongs to fine-tuning: use finetune, or leave it out, or go on "
        "pretraining by --objective=contrastive, ",
    ),
    (
        {"init_from": "first", "freeze": "all", **SIMCSE},
        "--freeze=all leaves nothing to train",
    ),
    pytest.param(
        {"init_from": "first", "freeze": "features", **SIMCSE},
        "--freeze=features leaves nothing to train",
        marks=pytest.mark.slow,
    ),
    (
        {"init_from": "first", "probe": "lbfgs", **SIMCSE},
        "needs a linear head, got --objective=simcse",
    ),
    (
        {"lora": "lora", **SIMCSE},
        "is for pretrained weights: name them by --init_from, or leave it out",
    ),
    (
        {"init_from": "first", "tokenizer": "words", **SIMCSE},
        "read text by --tokenizer=characters, got words",
    ),
    (
        {"init_from": "first", "batch_size": 1, **SIMCSE},
        "compares the examples of a batch, got --batch_size=1",
    ),
    (
        {
            "init_from": "first",
            "objective": "contrastive_pairs",
            "dataset": "lines:some.txt",
        },
        "the texts of two columns, got none",
    ),
    (
        {"init_from": "first", "export_to": "saved", **SIMCSE},
        "An export must answer with labels",
    ),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_what_cannot_work_is_told_in_one_line(
    settings, message, chain, monkeypatch
):
    monkeypatch.chdir(chain)
    with pytest.raises(UserError) as caught:
        run("refused", **settings)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (chain / "runs/refused").exists()


def test_fine_tuning_is_for_objectives_that_answer():
    config = Config(init_from="first", objective="contrastive", name="x")
    with pytest.raises(
        UserError, match="use pretrain, which takes --init_from"
    ):
        stages.finetune(config)


def test_the_objective_says_which_stage_trains():
    found = {
        name: stage_of(Config(init_from="x", objective=name))
        for name in OBJECTIVES
    }
    for name, kind in OBJECTIVES.items():
        assert found[name] == ("finetune" if kind.servable else "pretrain")
    assert stage_of(Config()) == "pretrain"
    assert name_of(Config(init_from="x", objective="vicreg")) == (
        "pretrain-x-digits"
    )


@pytest.mark.slow
def test_a_known_model_of_photos_goes_on(shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind in ("daisy", "roses"):
        photos = sorted((shared_data / "flower_photos" / kind).glob("*.jpg"))
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for photo in photos[:10]:
            shutil.copy(photo, tmp_path / "photos" / kind)
    result = run(
        "x",
        init_from="efficientnet_lite0",
        objective="contrastive",
        dataset="folder:photos",
        image_size=32,
        batch_size=8,
        near_copies=False,
    )
    assert result.transfer["share"] == 1.0
    # mean and variance of 49 normalisations: --batchnorm=frozen
    assert result.audit["frozen_variables"] == 2 * 49
    assert result.audit["changed"] == []


@pytest.mark.slow
def test_masked_tokens_of_a_known_bert(shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    package = FACTS["all_minilm_l6_v2"].source
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"the package {package} is not installed")
    found = read_json(shared_data / "clinc_oos" / "data_full.json")["train"]
    lines = [text for text, _ in found[::300]]
    (tmp_path / "lines.txt").write_text("\n".join([*lines, ""]))
    result = run(
        "x",
        init_from="all_minilm_l6_v2",
        objective="masked_tokens",
        dataset="lines:lines.txt",
        learning_rate=1e-4,
        batch_size=8,
    )
    # a dense layer, a normalisation and a bias of each token are new
    new = 384 * 384 + 384 + 2 * 384 + 30_522
    assert result.trained_parameters == 22_565_376 + new
    tokenizer = read_json(tmp_path / "runs/x/tokenizer.json")
    assert tokenizer["setting"] == "wordpiece(lower=True)"
    # ln 30522 = 10.33 by chance
    assert result.history[0]["val_loss"] < 10.0
