"""Errors of numbers, by hand and by scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from keras_ptft.evaluation.metrics.regression import regression_metrics


def test_numbers_worked_by_hand():
    # errors 0, -1, 0 and 3; around their mean of 4 the true ones vary by 5
    true, predicted = np.array([1, 3, 5, 7]), np.array([1, 2, 5, 10])
    assert regression_metrics(true, predicted) == pytest.approx(
        {"mae": 4 / 4, "rmse": (10 / 4) ** 0.5, "r2": 1 - 10 / 4 / 5}
    )


def test_numbers_of_scikit_learn():
    random = np.random.default_rng(0)
    true = random.normal(1e4, 3, 500).astype(np.float32)
    predicted = true + random.normal(0, 1, 500).astype(np.float32)
    found = regression_metrics(true, predicted)
    wide = true.astype(np.float64), predicted.astype(np.float64)
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(*wide))
    rmse = metrics.root_mean_squared_error(*wide)
    assert found["rmse"] == pytest.approx(rmse)
    assert found["r2"] == pytest.approx(metrics.r2_score(*wide))


@pytest.mark.parametrize("true", [[5.0], [5.0, 5.0]])
def test_of_one_number_there_is_no_variance(true):
    found = regression_metrics(np.array(true), np.full(len(true), 7.0))
    assert found == {"mae": 2.0, "rmse": 2.0}
