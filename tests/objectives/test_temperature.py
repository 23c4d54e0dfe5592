"""Probabilities of logits that are divided by a temperature."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from scipy.special import softmax

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import OUT_OF_SCOPE, Dataset
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics.probabilities import brier_score
from keras_ptft.files import read_json, write_json
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.multi_label import MultiLabel
from keras_ptft.objectives.saved import (
    TEMPERATURE_FILE,
    read_objective,
    write_objective,
)
from keras_ptft.objectives.serving import signatures

NAMES = ("a", "b")
INFO = DataInfo(label_names=NAMES)
# half of them are the logits of 3/4
TEMPERED = dataclasses.replace(INFO, temperature=2.0)


def logits_of(count):
    """Logits of 9/10 for the first class."""
    return np.tile(np.log([9.0, 1.0]), (count, 1)).astype(np.float32)


def rows(count, labels=None):
    """Examples that are logits."""
    return ArraySource(logits_of(count), labels, name="vector")


def identity():
    inputs = keras.Input((2,), name="vector")
    return keras.Model(inputs, keras.layers.Identity()(inputs))


def dataset(**splits):
    # 3 of 4 are of the class that 9 of 10 should be of
    source = rows(8, [0, 0, 0, 1] * 2)
    given = {"train": source, "validation": source, "test": source}
    return Dataset({**given, **splits}, NAMES)


@pytest.fixture(scope="module")
def found():
    return Classification(TEMPERED).evaluate(identity(), dataset())


def test_the_temperature_is_fitted_on_the_validation_split():
    source = dataset().splits["validation"]
    # log(9) / 2 = log(3), of 3/4
    found = Classification(INFO).fit_temperature(identity(), source)
    assert found == pytest.approx(2.0, rel=1e-3)
    right = rows(3, [0, 0, 0])
    assert Classification(INFO).fit_temperature(identity(), right) is None


def test_other_objectives_have_no_probabilities_of_classes():
    objective = MultiLabel(DataInfo(label_names=NAMES, label_kind="sets"))
    with pytest.raises(UserError, match="MultiLabel has none: leave out --cal"):
        objective.fit_temperature(identity(), rows(1))


def test_scores_are_of_what_is_answered_and_of_what_was_before(found):
    plain = Classification(INFO).evaluate(identity(), dataset())
    before, test = plain.metrics["test"], found.metrics["test"]
    # the loss is the one that was trained on, and no label changes
    for name in ("loss", "accuracy", "confusions", "roc_auc"):
        assert test[name] == before[name]
    assert test["calibration_error"] == pytest.approx(0, abs=1e-6)
    assert before["calibration_error"] == pytest.approx(0.15)
    applied = test["calibration"]["applied"]
    assert "temperature" not in test["calibration"]
    assert applied["temperature"] == 2.0
    log_loss = -(3 * math.log(3 / 4) + math.log(1 / 4)) / 4
    assert applied["after"] == pytest.approx(
        {
            "log_loss": log_loss,
            # 3 of (1/4)² + (1/4)², one of (3/4)² + (3/4)²
            "brier_score": (3 / 8 + 9 / 8) / 4,
            "calibration_error": test["calibration_error"],
        },
        abs=1e-6,
    )
    assert applied["before"]["log_loss"] == pytest.approx(before["loss"])
    assert applied["before"]["brier_score"] == before["brier_score"]
    assert before["calibration"]["temperature"] == pytest.approx(2, rel=1e-3)


def test_what_is_stored_is_what_the_model_gave(found):
    stored = found.predictions["test"].logits
    np.testing.assert_array_equal(stored, np.tile(stored[:1], (8, 1)))
    np.testing.assert_allclose(softmax(stored[0]), [0.9, 0.1], rtol=1e-6)
    shares = softmax(found.answers[0])
    np.testing.assert_allclose(shares, [0.75, 0.25], rtol=1e-6)
    labels = dataset().splits["test"].labels
    assert brier_score(labels, found.answers) == pytest.approx(
        found.metrics["test"]["brier_score"]
    )


def test_thresholds_are_of_what_is_answered():
    unknown = ArraySource(np.log([[4.0, 1.0]]).astype(np.float32), [-1])
    found = Classification(TEMPERED).evaluate(
        identity(), dataset(**{OUT_OF_SCOPE: unknown}), reject_below=0.7
    )
    # 2/3 is below 0.7, 3/4 is not; without a temperature 0.8 would not be
    at = found.out_of_scope["at_reject_below"]
    assert (at["recall"], at["false_rejection"]) == (1.0, 0.0)
    assert found.out_of_scope["threshold"] == pytest.approx(0.75)


def test_a_later_score_is_the_same(found):
    before, source = found.metrics["test"], dataset().splits["test"]
    again = Classification(TEMPERED).score_again(identity(), source, before)
    assert again == before


def test_predictions_and_exports_answer_alike():
    objective, source = Classification(TEMPERED), rows(3)
    answers = objective.predictor(identity()).run(logits_of(3))
    np.testing.assert_allclose(answers["probabilities"][0], [0.75, 0.25])
    np.testing.assert_allclose(answers["logits"][0], np.log([9, 1]), rtol=1e-6)
    signature = signatures(identity(), TEMPERED, source)[0]
    outputs = signature.cases[0].outputs
    assert outputs["label"].tolist() == [b"a"] * 3
    np.testing.assert_allclose(outputs["score"], 0.75)
    for name in ("logits", "probabilities"):
        np.testing.assert_array_equal(outputs[name], answers[name])
    (sure, *_) = objective.decode(["x"] * 3, answers, 0.75)
    (unsure, *_) = objective.decode(["x"] * 3, answers, 0.76)
    assert (sure.label, unsure.label) == ("a", "")


def test_it_travels_with_the_model(tmp_path):
    write_objective(tmp_path, "classification", TEMPERED)
    assert read_objective(tmp_path).info.temperature == 2.0
    assert read_json(tmp_path / TEMPERATURE_FILE) == {"temperature": 2.0}
    write_objective(tmp_path / "plain", "classification", INFO)
    assert not (tmp_path / "plain" / TEMPERATURE_FILE).exists()
    assert read_objective(tmp_path / "plain").info.temperature == 1.0


@pytest.mark.parametrize(
    "found",
    [2.0, {}, {"temperature": 0}, {"temperature": True}, {"temperature": "2"}],
)
def test_one_that_is_none_is_refused(tmp_path, found):
    write_objective(tmp_path, "classification", TEMPERED)
    write_json(tmp_path / TEMPERATURE_FILE, found)
    with pytest.raises(UserError, match=r"a temperature above 0, got .*remove"):
        read_objective(tmp_path)
