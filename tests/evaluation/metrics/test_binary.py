"""The positive class of two, by hand and by scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from keras_ptft.evaluation.metrics.binary import (
    at_threshold,
    best_threshold,
    binary_metrics,
)


def test_numbers_worked_by_hand():
    true = np.array([True, True, False, False, False])
    found = binary_metrics(true, np.array([0.9, 0.4, 0.6, 0.3, 0.1]), "ill")
    # of 6 pairs 5 are in order; the true ones have ranks 1 and 3
    assert found["roc_auc"] == pytest.approx(5 / 6)
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["positive"] == pytest.approx(
        {
            "class": "ill",
            "threshold": 0.5,
            "precision": 1 / 2,
            "recall": 1 / 2,
            "f1": 1 / 2,
        }
    )


def test_numbers_of_scikit_learn():
    random = np.random.default_rng(0)
    true = random.random(200) < 0.3
    shares = 0.3 * true + 0.7 * random.random(200)
    found = binary_metrics(true, shares, "x")
    assert found["roc_auc"] == pytest.approx(
        metrics.roc_auc_score(true, shares)
    )
    average = metrics.average_precision_score(true, shares)
    assert found["average_precision"] == pytest.approx(average)
    threshold = best_threshold(true, shares)
    given = shares >= threshold
    assert at_threshold(true, shares, threshold) == pytest.approx(
        {
            "threshold": threshold,
            "precision": metrics.precision_score(true, given),
            "recall": metrics.recall_score(true, given),
            "f1": metrics.f1_score(true, given),
        }
    )


@pytest.mark.parametrize("true", [[True, True], [False, False]])
def test_of_one_class_there_is_no_curve(true):
    found = binary_metrics(np.array(true), np.array([0.2, 0.3]), "x")
    assert found == {
        "positive": {
            "class": "x",
            "threshold": 0.5,
            "precision": 0.0,
            "recall": 0.0,
            "f1": 0.0,
        }
    }
