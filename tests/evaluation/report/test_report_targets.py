"""What a page shows of numbers, of sets of labels and of two classes."""

import base64
import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from keras_ptft.evaluation.estimates import Estimates
from keras_ptft.evaluation.metrics.binary import binary_metrics
from keras_ptft.evaluation.metrics.multi_label import set_metrics
from keras_ptft.evaluation.metrics.regression import regression_metrics
from keras_ptft.evaluation.report import figures
from keras_ptft.evaluation.report.figures import (
    estimates_pngs,
    learning_curves,
    plotted_metrics,
)
from keras_ptft.evaluation.report.report import class_counts
from tests.evaluation.report.pages import metrics_of, report

TRUE = np.array([1.0, 2.0, 3.0, 4.0])


def page(path, **given):
    report(path, [], **given)
    return path.read_text("utf-8")


def of_numbers(folder, predicted, target=""):
    metrics = regression_metrics(TRUE, predicted)
    return page(
        folder / "report.html",
        metrics={"examples": len(TRUE), "loss": 0.5, **metrics},
        titles={"loss": "loss (mse, standardised)"},
        estimates=Estimates(target, TRUE, predicted),
    )


def test_numbers_are_drawn(tmp_path):
    text = of_numbers(tmp_path, np.array([1.0, 2.5, 0.0, 4.25]), "price")
    assert "<h2>Predicted numbers</h2>" in text
    assert len(re.findall('alt="(?:Predicted numbers|Errors)', text)) == 2
    # the loss of numbers has no nats
    assert "loss (mse, standardised)</span>" in text and "nats" not in text
    assert "<h2>Classes</h2>" not in text


@pytest.mark.parametrize("target", ["price", "价格", "a $ b", ""])
@pytest.mark.parametrize(
    "count", [1, pytest.param(20_000, marks=pytest.mark.slow)]
)
def test_numbers_are_drawn_whatever_they_are_called(target, count):
    true = np.linspace(-1, 1, count)
    pngs = estimates_pngs(true, true**2, target)
    assert len(pngs) == 2
    for _, png in pngs:
        picture = imread(io.BytesIO(base64.b64decode(png)), format="png")
        assert picture.shape[1] > picture.shape[0] > 300


def test_curves_are_of_the_metrics_that_there_are():
    history = [{"epoch": 1, "loss": 0.5, "mae": 3.0, "val_mae": 4.0}]
    assert plotted_metrics(history) == ["loss", "mae"]
    assert [shown for shown, _ in learning_curves(history)] == [
        *("Loss by epoch", "MAE by epoch"),
    ]
    history = [{"epoch": 1, "loss": 0.5, "f1_micro": 0.5}]
    assert plotted_metrics(history) == ["loss", "f1_micro"]


def test_features_are_judged_at_some_epochs(monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "figure_png", drawn.append)
    history = [
        {"epoch": n, "loss": 1.0, "view_accuracy": 0.5} for n in (1, 2, 3)
    ]
    for row in history[::2]:
        row |= {"knn_accuracy": 0.5, "feature_spread": 0.1}
    assert [shown for shown, _ in learning_curves(history)] == [
        *("Loss by epoch", "View accuracy by epoch"),
        *("kNN accuracy by epoch", "Spread of features by epoch"),
    ]
    lines = [figure.axes[0].lines[0] for figure in drawn]
    assert [line.get_label() for line in lines] == [
        *("training", "training", "validation", "validation"),
    ]
    # the line goes on where an epoch is not judged
    assert list(lines[2].get_xdata()) == [1, 3]


def test_labels_of_sets_have_their_thresholds(tmp_path):
    true = np.array([[1, 0], [1, 1]])
    shares = np.array([[0.9, 0.3], [0.4, 0.8]])
    found = set_metrics(true, shares, np.array([0.125, 0.5]), ["a", "b"])
    text = page(
        tmp_path / "report.html",
        metrics={"examples": 2, "loss": 0.5, **found},
        thresholds={"a": 0.125, "b": 0.5},
    )
    assert "<h2>Labels</h2>" in text and "<h2>Classes</h2>" not in text
    assert "<th>label</th>" in text and ">0.1250</td>" in text
    assert "A label is given from its threshold" in text
    assert "Confusion matrix" not in text
    text = page(
        tmp_path / "report.html",
        metrics={"examples": 2, "loss": 0.5, **found},
    )
    assert "A label is given from its threshold" not in text


def test_the_counts_of_labels_are_those_of_the_splits():
    splits = {
        "train": {"classes": {}, "labels": {"a": 3, "b": 0}, "without": 1},
        "test": {"classes": {}, "labels": {"a": 1, "b": 2}, "without": 0},
    }
    found = class_counts({"splits": splits})
    assert found == [("a", [3, 1]), ("b", [0, 2])]


def test_the_positive_class_has_a_row_for_each_threshold(tmp_path):
    labels, shares = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.9])
    names = ["healthy", "ill"]
    found = metrics_of(labels, (shares > 0.5).astype(int), names)
    found |= binary_metrics(labels == 1, shares, "ill")
    text = page(tmp_path / "report.html", metrics=found)
    assert "ill from a probability of" in text and "ROC AUC</span>" in text
    assert text.count("the likelier class") == 1
    assert "on the validation split" not in text
    chosen = {"threshold": 0.25, "precision": 0.8, "recall": 1.0, "f1": 0.875}
    found["positive"]["at_best_validation_f1"] = chosen
    text = page(tmp_path / "report.html", metrics=found)
    assert "0.8750</td>" in text and "F1 on the validation split" in text
