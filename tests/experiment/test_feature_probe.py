"""Features are judged while a backbone is trained, and nothing else changes."""

import os

import keras
import numpy as np
import pytest

from keras_ptft import Config, UserError
from keras_ptft.experiment import stages

SETTINGS = {
    "dataset": "digits",
    "image_size": 8,
    "train_examples": 500,
    "backbone": "mlp(hidden=[32])",
    "objective": "contrastive(view='shift(padding=1)', width=16, hidden=32)",
    "optimizer": "adam",
    "learning_rate": 0.003,
    "epochs": 3,
    "keep_checkpoints": 9,
    "jit_compile": "false",
    "explain": False,
}
SCORES = (
    "feature_spread",
    "effective_rank",
    "knn_accuracy",
    "probe_accuracy",
)


def run(folder, **settings):
    return stages.pretrain(
        Config(**SETTINGS | {"runs_dir": str(folder), "name": "x"} | settings)
    )


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A run that was judged after its second and its last epoch."""
    folder = tmp_path_factory.mktemp("judged")
    return folder, run(folder, probe_every=2)


@pytest.mark.slow
def test_scores_are_part_of_the_history(judged):
    folder, result = judged
    first, second, last = result.history
    assert not set(SCORES) & set(first)
    for row in (second, last):
        assert set(SCORES) <= set(row)
        # of 10 classes, by features that never saw a label
        assert row["knn_accuracy"] > 0.7 and row["probe_accuracy"] > 0.7
        assert 0.0 < row["feature_spread"] <= 1.0
        assert 1.0 < row["effective_rank"] <= 32.0
    lines = (folder / "x/history.csv").read_text().splitlines()
    names = lines[0].split(",")
    found = [dict(zip(names, x.split(","), strict=True)) for x in lines[1:]]
    assert [row["knn_accuracy"] == "" for row in found] == [True, False, False]
    assert float(found[2]["knn_accuracy"]) == last["knn_accuracy"]


@pytest.mark.slow
def test_the_test_split_is_judged_too(judged):
    test = judged[1].metrics["test"]
    # by chance 1 of 127 others
    assert test["knn_accuracy"] > 0.7 and test["view_accuracy"] > 0.05
    assert 0.0 < test["feature_spread"] <= 1.0


@pytest.mark.slow
def test_judging_changes_no_weight(judged, tmp_path):
    result = run(tmp_path)
    losses = [[row["loss"] for row in r.history] for r in (result, judged[1])]
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_a_resumed_run_has_the_same_scores(judged):
    folder, result = judged
    checkpoints = sorted((folder / "x/checkpoints").iterdir())
    for path in checkpoints[1:]:
        os.remove(path)
    os.remove(folder / "x/result.json")
    before = keras.saving.load_model(folder / "x/model.keras").get_weights()
    again = run(folder, probe_every=2)
    assert again.resumed
    for old, new in zip(result.history, again.history, strict=True):
        assert {k: v for k, v in old.items() if k != "seconds"} == {
            k: v for k, v in new.items() if k != "seconds"
        }
    assert again.metrics == result.metrics
    after = keras.saving.load_model(folder / "x/model.keras").get_weights()
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_collapse_is_told(tmp_path, caplog):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    # of all images the same, and nothing is learned
    x = keras.layers.Dense(4, kernel_initializer="zeros")(x)
    settings = {"epochs": 1, "learning_rate": 0.0, "probe_every": 1}
    config = Config(**SETTINGS | settings | {"runs_dir": str(tmp_path)})
    stages.pretrain(config, backbone=keras.Model(inputs, x))
    assert "Collapse: after epoch 1 the features of all" in caplog.text


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"validation_fraction": 0.0}, "on the validation split, and there is"),
        ({"batch_size": 1}, "compares the examples of a batch, got --batch"),
        ({"gradient_accumulation": 2}, "cuts into parts: leave it out"),
        ({"mix": "mixup"}, "--mix blends labels"),
        (
            {"strategy": "mirrored", "jit_compile": "true"},
            "impossible: replicas compare their examples with each other's",
        ),
    ],
)
def test_what_cannot_be_judged_or_compared(tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        run(tmp_path, probe_every=1, **settings)


def test_fine_tuning_judges_nothing(tmp_path):
    config = Config(init_from="x", probe_every=1, runs_dir=str(tmp_path))
    with pytest.raises(UserError, match="judges a backbone that is pretrained"):
        stages.finetune(config)
