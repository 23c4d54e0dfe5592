"""Calibrated probabilities, from the command to the export."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import ArraySource, Config, Dataset, UserError
from keras_ptft.data.core.info import DataInfo
from keras_ptft.experiment.calibrating import (
    calibrated,
    check_calibrate,
    check_validation,
)
from keras_ptft.experiment.predicting import predict
from keras_ptft.experiment.scoring import evaluate
from keras_ptft.experiment.stages import pretrain
from keras_ptft.files import read_json
from keras_ptft.objectives.classification import Classification

CALIBRATE = Config(calibrate=True)


NAMES = ("a", "b")


def split(count):
    kinds = np.arange(count) % 2
    return ArraySource(np.eye(2, dtype=np.float32)[kinds], kinds)


@pytest.mark.parametrize("objective", ["multi_label", "regression", "tagging"])
def test_it_is_for_probabilities_of_classes(objective):
    with pytest.raises(UserError, match=f"got --objective={objective}: leave"):
        check_calibrate(CALIBRATE.replace(objective=objective))
    check_calibrate(Config(objective=objective))
    check_calibrate(CALIBRATE.replace(objective="classification(focal=2.0)"))


def test_it_needs_validation_examples():
    few = Dataset({"train": split(40), "validation": split(29)}, NAMES)
    with pytest.raises(UserError, match=r"at least 30 .* temperature, got 29:"):
        check_validation(CALIBRATE, few)
    check_validation(Config(), few)
    with pytest.raises(UserError, match="got 0: raise --validation_fraction"):
        check_validation(CALIBRATE, Dataset({"train": split(40)}, NAMES))
    enough = Dataset({"train": split(40), "validation": split(30)}, NAMES)
    check_validation(CALIBRATE, enough)


def test_where_all_are_right_nothing_is_fitted(tmp_path, caplog):
    data = Dataset({"train": split(2), "validation": split(2)}, NAMES)
    objective = Classification(DataInfo(label_names=NAMES))
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    found = calibrated(tmp_path, CALIBRATE, objective, model, data)
    assert found is objective
    assert "All 2 validation examples are right" in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_whole_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {
        "name": "tiny",
        "backbone": "mlp(hidden=[8])",
        "image_size": 8,
        "epochs": 2,
        "calibrate": True,
        "explain": False,
        "jit_compile": "false",
        "export_to": "saved_models/tiny",
    }
    result = pretrain(Config(**settings))
    (temperature,) = read_json("runs/tiny/temperature.json").values()
    test = result.metrics["test"]
    applied = test["calibration"]["applied"]
    assert applied["temperature"] == temperature != 1
    assert applied["after"]["log_loss"] < applied["before"]["log_loss"]
    assert applied["after"]["brier_score"] == pytest.approx(test["brier_score"])
    assert max(result.export.largest_difference.values()) <= 1e-5

    before = read_json("runs/tiny/result.json")
    assert evaluate("runs/tiny") == test
    assert read_json("runs/tiny/result.json") == before

    extra = tmp_path / "saved_models/tiny/1/assets.extra"
    card = (extra / "MODEL_CARD.md").read_bytes()
    assert card == (tmp_path / "runs/tiny/MODEL_CARD.md").read_bytes()
    assert read_json(extra / "temperature.json") == {"temperature": temperature}
    images = np.zeros((2, 8, 8, 1), np.uint8)
    images[1] = 200
    np.save("images.npy", images)
    loaded = tf.saved_model.load("saved_models/tiny/1")
    answers = loaded.signatures["serving_default"](image=images)
    shares = tf.nn.softmax(answers["logits"] / temperature)
    np.testing.assert_allclose(answers["probabilities"], shares, rtol=1e-5)
    for place in ("runs/tiny", "saved_models/tiny"):
        rows = predict(place, ["images.npy"])
        found = [row.probability for row in rows]
        np.testing.assert_allclose(found, shares.numpy().max(1), rtol=1e-5)
        high = {"reject_below": max(found) + 1e-4}
        assert [r.label for r in predict(place, ["images.npy"], **high)] == [
            "",
            "",
        ]
    # what the user changes counts
    (tmp_path / "runs/tiny/temperature.json").unlink()
    found = [row.probability for row in predict("runs/tiny", ["images.npy"])]
    plain = tf.nn.softmax(answers["logits"]).numpy().max(1)
    np.testing.assert_allclose(found, plain, rtol=1e-5)
