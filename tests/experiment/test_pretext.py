"""Pretraining on single images without labels, from data to fine-tuning."""

import os

import keras
import numpy as np
import pytest

import keras_ptft
from keras_ptft import Config
from keras_ptft.experiment import stages

SETTINGS = {
    "dataset": "digits",
    "image_size": 8,
    "train_examples": 500,
    "backbone": "mlp(hidden=[32])",
    "optimizer": "adam",
    "learning_rate": 0.003,
    "epochs": 1,
    "keep_checkpoints": 9,
    "jit_compile": "false",
    "explain": False,
    "near_copies": False,
    "name": "x",
}
MASKED = {
    "objective": "masked_pixels(patch=2, width=16, depth=1)",
    "backbone": "vit_small(patch=2, width=16, depth=1)",
    "epochs": 2,
    "probe_every": 1,
}
SCORES = {"feature_spread", "effective_rank", "knn_accuracy"}


def run(folder, **settings):
    return stages.pretrain(
        Config(**SETTINGS | {"runs_dir": str(folder)} | settings)
    )


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masked")
    return folder, run(folder, **MASKED)


@pytest.mark.slow
def test_masked_pixels_are_learned(masked):
    first, last = masked[1].history
    assert last["loss"] < first["loss"] and last["val_loss"] < 1.0
    assert SCORES | {"probe_accuracy"} <= set(last)
    test = masked[1].metrics["test"]
    assert SCORES | {"loss"} <= set(test)
    # of 10 classes, after 14 steps
    assert test["knn_accuracy"] > 0.25


@pytest.mark.slow
def test_a_resumed_run_is_the_same_to_the_bit(masked):
    folder, result = masked
    for path in sorted((folder / "x/checkpoints").iterdir())[1:]:
        os.remove(path)
    os.remove(folder / "x/result.json")
    before = keras.saving.load_model(folder / "x/model.keras").get_weights()
    again = run(folder, **MASKED)
    assert again.resumed and again.metrics == result.metrics
    after = keras.saving.load_model(folder / "x/model.keras").get_weights()
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_its_backbone_starts_a_fine_tuning(masked):
    folder, _ = masked
    changed = {
        "init_from": "x",
        "name": "tuned",
        "backbone": "",
        "probe": "lbfgs",
    }
    settings = SETTINGS | changed | {"runs_dir": str(folder)}
    result = stages.finetune(Config(**settings))
    assert result.transfer["share"] == 1.0
    # a linear head on features that saw no label
    assert result.metrics["test"]["accuracy"] > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["denoise(side=4)", "rotation"])
def test_it_is_scored_again_as_before(objective, tmp_path):
    # its batches are made inside of the training loop
    result = run(tmp_path, objective=objective, resident="true")
    test = result.metrics["test"]
    assert set(test) >= SCORES
    again = keras_ptft.evaluate(tmp_path / "x")
    assert {name: again[name] for name in test} == pytest.approx(test)


@pytest.mark.slow
def test_half_precision_learns_as_much(masked, tmp_path):
    half = run(tmp_path, **MASKED, precision="mixed_bfloat16")
    loss = masked[1].metrics["test"]["loss"]
    assert half.metrics["test"]["loss"] == pytest.approx(loss, rel=0.05)
