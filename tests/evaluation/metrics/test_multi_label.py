"""Sets of labels, by hand and by scikit-learn."""

import json
import warnings

import numpy as np
import pytest
from sklearn import metrics

from keras_ptft.evaluation.metrics.multi_label import (
    best_thresholds,
    set_metrics,
)


def test_numbers_worked_by_hand():
    true = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
    shares = np.array([[0.9, 0.2], [0.4, 0.8], [0.6, 0.7], [0.1, 0.6]])
    found = set_metrics(true, shares, np.array([0.5, 0.7]), ["a", "b"])
    # a is given to examples 1 and 3, b to 2 and 3
    assert found["per_class"]["a"] == pytest.approx(
        {
            "precision": 1 / 2,
            "recall": 1 / 2,
            "f1": 1 / 2,
            "support": 2,
            # ranks of the true ones: 1 and 3
            "average_precision": (1 + 2 / 3) / 2,
            "threshold": 0.5,
        }
    )
    assert found["per_class"]["b"] == pytest.approx(
        {
            "precision": 1.0,
            "recall": 1.0,
            "f1": 1.0,
            "support": 2,
            "average_precision": 1.0,
            "threshold": 0.7,
        }
    )
    assert found["f1_micro"] == found["precision_micro"] == 3 / 4
    assert found["f1_macro"] == found["recall_macro"] == 3 / 4
    # the first and the last are right
    assert found["exact_match"] == 1 / 2
    assert found["mean_average_precision"] == pytest.approx(11 / 12)
    # of a 3 of 4 pairs are in order, of b all
    assert found["roc_auc"] == (3 / 4 + 1) / 2


def test_numbers_of_scikit_learn():
    random = np.random.default_rng(0)
    true = random.random((300, 4)) < [0.5, 0.3, 0.1, 0.05]
    shares = np.clip(0.4 * true + 0.6 * random.random((300, 4)), 0, 1)
    thresholds = np.array([0.5, 0.4, 0.6, 0.7])
    found = set_metrics(true, shares, thresholds, list("abcd"))
    given = shares >= thresholds
    for kind in ("micro", "macro"):
        expected = metrics.precision_recall_fscore_support(
            true, given, average=kind, zero_division=0
        )
        names = [f"{name}_{kind}" for name in ("precision", "recall", "f1")]
        assert [found[n] for n in names] == pytest.approx(expected[:3])
    assert found["exact_match"] == metrics.accuracy_score(true, given)
    average = metrics.average_precision_score(true, shares, average="macro")
    assert found["mean_average_precision"] == pytest.approx(average)
    auc = metrics.roc_auc_score(true, shares, average="macro")
    assert found["roc_auc"] == pytest.approx(auc)
    assert json.loads(json.dumps(found)) == found


def test_labels_without_examples_count_for_no_average():
    true = np.array([[1, 0], [1, 0]])
    shares = np.array([[0.9, 0.8], [0.8, 0.2]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = set_metrics(true, shares, np.full(2, 0.5), ["a", "b"])
    assert found["f1_macro"] == found["mean_average_precision"] == 1.0
    assert found["per_class"]["b"]["support"] == 0
    assert found["precision_micro"] == 2 / 3
    # nobody tells apart what all or none have
    assert "roc_auc" not in found


def test_one_label_is_a_set_too():
    true, shares = column(1, 0, 1), column(0.9, 0.2, 0.4)
    found = set_metrics(true, shares, np.array([0.5]), ["spam"])
    assert found["per_class"]["spam"]["recall"] == 1 / 2
    assert found["f1_micro"] == found["f1_macro"] == pytest.approx(2 / 3)
    assert found["roc_auc"] == 1.0 and found["exact_match"] == 2 / 3


def column(*rows):
    return np.array(rows)[:, None]


@pytest.mark.parametrize(
    ("true", "shares", "threshold"),
    [
        # halfway between the last that is to be given and the next
        ((1, 1, 0, 0), (0.9, 0.3, 0.1, 0.05), 0.2),
        # without the third: F1 of 4/5, with it and the fourth: 6/7
        ((1, 1, 0, 1), (0.9, 0.8, 0.3, 0.2), 0.1),
        # equal probabilities are given together: all or the first alone
        ((1, 0, 1, 0), (0.8, 0.4, 0.4, 0.1), 0.25),
        # of thresholds as good the one near 0.5
        ((1, 0, 1, 0), (0.9, 0.8, 0.3, 0.2), 0.25),
        ((0, 0), (0.9, 0.1), 0.5),
        ((1, 1), (0.9, 0.8), 0.4),
    ],
)
def test_thresholds_worked_by_hand(true, shares, threshold):
    found = best_thresholds(column(*true), column(*shares))
    assert found == pytest.approx([threshold])
    assert found.dtype == np.float32


def test_no_threshold_has_a_higher_f1():
    random = np.random.default_rng(1)
    true = random.random((60, 3)) < 0.4
    shares = (0.3 * true + 0.7 * random.random((60, 3))).round(2)
    chosen = best_thresholds(true, shares)
    for label, threshold in enumerate(chosen):
        best = max(
            metrics.f1_score(true[:, label], shares[:, label] >= other)
            for other in np.linspace(0, 1, 201)
        )
        found = metrics.f1_score(true[:, label], shares[:, label] >= threshold)
        assert found == pytest.approx(best)
