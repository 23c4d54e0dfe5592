"""Metrics of probabilities, by hand and as scikit-learn has them."""

import inspect

import numpy as np
import pytest
from sklearn import metrics
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from keras_ptft.evaluation.metrics import classifier_metrics
from keras_ptft.evaluation.metrics.probabilities import (
    brier_score,
    probability_parts,
    roc_auc_macro,
    top_5_accuracy,
)


@pytest.fixture(scope="module")
def digits():
    """True classes of real digits, and the logits of a linear model."""
    images, labels = load_digits(return_X_y=True)
    model = LogisticRegression(C=1e-3, max_iter=200)
    model.fit(images[:300], labels[:300])
    return labels[300:], model.decision_function(images[300:])


def shares_of(logits):
    return np.concatenate([part for _, part in probability_parts(logits)])


def test_of_real_digits_they_are_those_of_scikit_learn(digits):
    labels, logits = digits
    shares = shares_of(logits)
    assert len(labels) > 1024 and shares.sum(axis=1) == pytest.approx(1)
    found = classifier_metrics(labels, logits)
    assert found.pop("accuracy") == metrics.accuracy_score(
        labels, logits.argmax(axis=1)
    )
    assert found.pop("top_5_accuracy") == metrics.top_k_accuracy_score(
        labels, logits, k=5
    )
    assert found.pop("roc_auc_macro") == pytest.approx(
        metrics.roc_auc_score(labels, shares, multi_class="ovr")
    )
    squares = np.square(shares - np.eye(10)[labels]).sum(axis=1)
    assert found.pop("brier_score") == pytest.approx(squares.mean())
    assert set(found) == {"calibration_error"}


@pytest.mark.skipif(
    not hasattr(metrics.brier_score_loss, "__wrapped__")
    or "labels" not in inspect.signature(metrics.brier_score_loss).parameters,
    reason="scikit-learn 1.7 scores more than two classes",
)
def test_brier_scores_of_real_digits_are_those_of_scikit_learn(digits):
    labels, logits = digits
    theirs = metrics.brier_score_loss(
        labels, shares_of(logits), labels=np.arange(10)
    )
    assert brier_score(labels, logits) == pytest.approx(theirs)


def test_brier_scores_worked_by_hand():
    logits = np.log([[2.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    # (1/2)² + 2 (1/4)², and (3/4)² + (1/4)² + (1/2)²
    found = brier_score(np.array([0, 1]), logits)
    assert found == pytest.approx((6 / 16 + 14 / 16) / 2)
    sure = np.array([[100.0, 0.0], [0.0, 100.0]])
    assert brier_score(np.array([0, 1]), sure) == pytest.approx(0)
    assert brier_score(np.array([1, 0]), sure) == pytest.approx(2)


def test_among_the_first_five():
    logits = np.array([[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]] * 3)
    assert top_5_accuracy(np.array([0, 4, 5]), logits) == pytest.approx(2 / 3)
    assert top_5_accuracy(np.array([0]), logits[:1, :5]) is None


def test_a_class_without_examples_has_no_roc_auc():
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.5, 1.0, 0.0]])
    # of both classes one of two pairs is in order, and of the third are none
    labels = np.array([0, 1, 1])
    shares = shares_of(logits)
    each = [metrics.roc_auc_score(labels == n, shares[:, n]) for n in (0, 1)]
    assert roc_auc_macro(labels, logits) == pytest.approx(np.mean(each))
    assert roc_auc_macro(np.zeros(3, np.int64), logits) is None
    assert roc_auc_macro(labels, logits[:, :2]) is None
