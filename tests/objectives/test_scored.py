"""What a classifier's evaluation computes from the same logits."""

import keras
import numpy as np
import pytest
from scipy.special import softmax

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.info import DataInfo
from keras_ptft.objectives.classification import Classification


def rows(examples, classes, seed):
    """Examples that are logits, which are twice as large as they should."""
    numbers = np.random.default_rng(seed)
    logits = numbers.normal(size=(examples, classes)).astype(np.float32)
    shares = softmax(logits, axis=1).cumsum(axis=1)
    drawn = numbers.random((examples, 1))
    labels = np.minimum((shares < drawn).sum(axis=1), classes - 1)
    return ArraySource(2 * logits, labels, name="vector")


@pytest.fixture(params=[2, 7])
def judged(request):
    classes = request.param
    names = tuple("abcdefg"[:classes])
    splits = {
        "train": rows(4, classes, 0),
        "validation": rows(2000, classes, 1),
        "test": rows(500, classes, 2),
    }
    inputs = keras.Input((classes,), name="vector")
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    objective = Classification(DataInfo(label_names=names))
    return objective, model, Dataset(splits, names)


def test_the_predictions_are_what_was_scored(judged):
    objective, model, dataset = judged
    found = objective.evaluate(model, dataset)
    assert list(found.predictions) == ["validation", "test"]
    source, stored = dataset.splits["test"], found.predictions["test"]
    assert (stored.logits.dtype, stored.hashes.dtype) == (np.float32, np.uint64)
    np.testing.assert_array_equal(stored.labels, source.labels)
    np.testing.assert_array_equal(stored.hashes, source.hashes)
    right = stored.logits.argmax(axis=1) == stored.labels
    assert found.metrics["test"]["accuracy"] == right.mean()


def test_intervals_are_about_what_the_table_shows(judged):
    objective, model, dataset = judged
    found = objective.evaluate(model, dataset).metrics
    test = found["test"]
    names = {"accuracy", "f1_macro", "loss"}
    if len(objective.info.label_names) == 2:
        names |= {"roc_auc", "average_precision"}
    assert set(test["intervals"]) == names
    for name, (low, high) in test["intervals"].items():
        assert low < test[name] < high
    assert not {"intervals", "calibration"} & set(found["validation"])
    assert ("top_5_accuracy" in test) == (len(objective.info.label_names) > 5)


def test_the_temperature_is_that_of_the_validation_split(judged):
    objective, model, dataset = judged
    test = objective.evaluate(model, dataset).metrics["test"]
    found = test["calibration"]
    assert found["temperature"] == pytest.approx(2, rel=0.1)
    assert found["error"] == test["calibration_error"]
    assert found["error_scaled"] < found["error"]


def test_a_later_score_uses_what_was_chosen(judged):
    objective, model, dataset = judged
    before = objective.evaluate(model, dataset).metrics["test"]
    source = dataset.splits["test"]
    assert objective.score_again(model, source, before) == before
    assert objective.score_splits(model, dataset)["test"] == before
    # a run of an older version has chosen nothing
    old = {"examples": 500, "accuracy": before["accuracy"]}
    again = objective.score_again(model, source, old)
    assert "temperature" not in again["calibration"]
    assert again == objective.score(model, source)
