"""Pretraining by the average of a model's own weights, whole runs."""

import os

import keras
import numpy as np
import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment import stages

SETTINGS = {
    "dataset": "digits",
    "image_size": 8,
    "train_examples": 300,
    "backbone": "mlp(hidden=[32])",
    "optimizer": "adam",
    "learning_rate": 0.003,
    "epochs": 2,
    "keep_checkpoints": 9,
    "jit_compile": "false",
    "explain": False,
    "probe_every": 2,
}
OBJECTIVES = {
    "byol": "byol(view='shift(padding=1)', width=16, hidden=32)",
    "dino": "dino(view='shift(padding=1)', crops=1, local='flip_crop', "
    "clusters=32, width=16, hidden=32)",
}


def run(folder, name, **settings):
    config = {"runs_dir": str(folder), "objective": OBJECTIVES[name]}
    return stages.pretrain(Config(name=name, **SETTINGS | config | settings))


def timeless(row):
    return {k: v for k, v in row.items() if k != "seconds"}


def weights(folder, name):
    path = folder / name / "model.keras"
    return keras.saving.load_model(path).get_weights()


def check(result):
    last = result.history[-1]
    assert last["knn_accuracy"] > 0.5 and last["feature_spread"] > 0.1
    test = result.metrics["test"]
    assert test["loss"] == pytest.approx(last["val_loss"], rel=0.2)


@pytest.mark.slow
def test_a_run_resumes_to_the_same_bits(tmp_path, caplog):
    name = "byol"
    result = run(tmp_path, name)
    check(result)
    assert "of which a step leaves 0.95" in caplog.text
    expected = weights(tmp_path, name)
    for path in sorted((tmp_path / name / "checkpoints").iterdir())[1:]:
        os.remove(path)
    os.remove(tmp_path / name / "result.json")
    again = run(tmp_path, name)
    assert again.resumed
    for old, new in zip(result.history, again.history, strict=True):
        assert timeless(old) == timeless(new)
    assert again.metrics == result.metrics
    for old, new in zip(expected, weights(tmp_path, name), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_a_teacher_of_what_is_not_frozen(tmp_path):
    run(tmp_path, "dino", epochs=1)
    config = SETTINGS | {"runs_dir": str(tmp_path), "probe_every": 0}
    config |= {"init_from": "dino", "backbone": "", "epochs": 2}
    config |= {"objective": OBJECTIVES["dino"], "unfreeze": "0:all,1:none"}
    result = stages.pretrain(Config(name="tuned", **config))
    losses = [row["loss"] for row in result.history]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"batch_size": 1}, "got --batch_size=1: use 64, or 2 at least"),
        (
            {"optimizer": "schedule_free_adamw"},
            "keeps averages of the weights itself: .* use adamw",
        ),
        ({"ema": 0.9, "mix": "mixup"}, "--mix blends labels"),
    ],
)
def test_what_cannot_be_taught(tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        run(tmp_path, "byol", **settings)
