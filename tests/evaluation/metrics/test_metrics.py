"""METRICS: one row a metric, and everything that shows it follows."""

import numpy as np
import pytest

from keras_ptft.evaluation.metrics import (
    METRICS,
    classifier_metrics,
    metric_of,
    shown_metrics,
)
from keras_ptft.evaluation.report.runs_table import table_cells


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_title_a_direction_and_a_text(name):
    metric = METRICS[name]
    assert metric.title and metric.direction in ("higher", "lower", "")
    assert metric.text(0.5).split()[0] == metric.cell(0.5)


def test_texts():
    assert METRICS["accuracy"].text(0.98754) == "98.75 %"
    assert METRICS["accuracy"].heading == "accuracy %"
    assert METRICS["perplexity"].text(1234.5) == "1,234.50"


def test_a_metric_without_a_row_is_shown_by_its_name():
    assert metric_of("top_2").title == "top 2"
    assert shown_metrics({"top_2": 0.5, "loss": 1.0}) == {
        "loss": 1.0,
        "top_2": 0.5,
    }
    row = {"run": "x", "top_2": 0.5, "trained_parameters": 1, "seconds": 1.0}
    assert table_cells([row])[0][1] == "top 2"


def test_classifier_metrics_are_those_of_the_table():
    found = classifier_metrics(np.array([0, 1]), np.array([[2, 0], [1, 0]]))
    # probabilities 0.88 and 0.73 of the first class; of two classes there is
    # neither a top-5 accuracy nor a macro ROC AUC
    assert found == {
        "accuracy": 0.5,
        "brier_score": pytest.approx(0.5486, abs=1e-4),
        "calibration_error": pytest.approx(0.4251, abs=1e-4),
    }
