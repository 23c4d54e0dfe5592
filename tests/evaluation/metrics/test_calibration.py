"""Calibration, with numbers worked by hand and drawn by chance."""

import json

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from keras_ptft.evaluation.metrics.calibration import (
    best_temperature,
    calibration,
    calibration_error,
    reliability,
)


def of_two(shares):
    """Logits whose first class has these probabilities."""
    shares = np.array(shares)
    return np.log(np.stack([shares, 1 - shares], axis=1))


def drawn(examples, temperature, classes=4):
    """Labels drawn by probabilities, and logits that are that much too hot."""
    numbers = np.random.default_rng(3)
    logits = 2 * numbers.normal(size=(examples, classes))
    shares = softmax(logits, axis=1).cumsum(axis=1)
    labels = (shares < numbers.random((examples, 1))).sum(axis=1)
    return labels, logits * temperature


def test_an_error_worked_by_hand():
    logits = of_two([0.95, 0.95, 0.97, 0.7, 0.71])
    labels = np.array([0, 0, 1, 0, 1])
    found = reliability(labels, logits)
    assert found.examples.tolist() == [0] * 10 + [2, 0, 0, 0, 3]
    assert found.confidence[[10, 14]] == pytest.approx([0.705, 2.87 / 3])
    assert found.accuracy[[10, 14]] == pytest.approx([1 / 2, 2 / 3])
    expected = (2 * 0.205 + 3 * (2.87 / 3 - 2 / 3)) / 5
    assert calibration_error(labels, logits) == pytest.approx(expected)


def test_a_bin_has_its_upper_end():
    # 2/3 is the end of the tenth bin, and 1 that of the last
    found = reliability(
        np.zeros(2, np.int64), of_two([2 / 3 - 1e-12, 1 - 1e-16])
    )
    assert np.flatnonzero(found.examples).tolist() == [9, 14]


def test_of_two_equal_bins_the_gaps_do_not_cancel():
    # too sure by 0.1 in one bin, not sure enough by 0.1 in the other
    logits = of_two([0.9] * 10 + [0.7] * 10)
    labels = np.array([0] * 8 + [1] * 2 + [0] * 8 + [1] * 2)
    assert calibration_error(labels, logits) == pytest.approx(0.1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature):
    labels, logits = drawn(20_000, temperature)
    found = best_temperature(labels, logits)
    assert found == pytest.approx(temperature, rel=0.03)
    told = calibration(labels, logits, found)
    assert told["error_scaled"] < 0.01
    if temperature != 1.0:
        assert told["error"] > 0.1


def test_no_other_temperature_has_a_smaller_loss():
    labels, logits = drawn(300, 2.0)

    def loss(temperature):
        own = log_softmax(logits / temperature, axis=1)
        return -own[np.arange(300), labels].mean()

    best = best_temperature(labels, logits)
    assert loss(best) < min(loss(0.99 * best), loss(1.01 * best))


def test_without_mistakes_there_is_no_best_temperature():
    labels, logits = np.array([0, 0]), of_two([0.6, 0.9])
    assert best_temperature(labels, logits) is None
    told = calibration(labels, logits, None)
    assert set(told) == {"bins", "error"}


def test_what_is_told_is_json_of_bins_that_have_examples():
    told = calibration(np.array([0, 1]), of_two([0.9, 0.9]), 2.0)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["bins"] == [
        {
            "from": pytest.approx(13 / 15),
            "to": pytest.approx(14 / 15),
            "examples": 2,
            "confidence": pytest.approx(0.9),
            "accuracy": 0.5,
        }
    ]
    # the root of 0.9 : 0.1 is 3 : 1
    assert told["error"] == pytest.approx(0.4)
    assert told["error_scaled"] == pytest.approx(0.25)
