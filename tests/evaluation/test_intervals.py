"""Bootstrap intervals: what they cover, and that they are always the same."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn import metrics

from keras_ptft.evaluation import intervals
from keras_ptft.evaluation.intervals import (
    binary_intervals,
    class_intervals,
    mean_intervals,
)


def guesses(examples, seed, accuracy=0.8, classes=4):
    numbers = np.random.default_rng(seed)
    labels = numbers.integers(0, classes, examples)
    wrong = (labels + numbers.integers(1, classes, examples)) % classes
    right = numbers.random(examples) < accuracy
    return labels, np.where(right, labels, wrong)


def resampled(score, *columns):
    """The interval by 1,000 plain resamples of the examples."""
    numbers = np.random.default_rng(1)
    size = len(columns[0])
    found = []
    for _ in range(1000):
        rows = numbers.integers(size, size=size)
        found.append(score(*(column[rows] for column in columns)))
    return np.percentile(found, [2.5, 97.5])


def test_the_interval_of_an_accuracy_is_that_of_a_binomial():
    labels = np.zeros(1000, np.int64)
    predicted = np.repeat([0, 1], [900, 100])
    found = class_intervals(labels, predicted)["accuracy"]
    assert found == pytest.approx(
        binom(1000, 0.9).interval(0.95) / np.array(1000), abs=0.003
    )


def test_they_are_those_of_plain_resamples():
    labels, predicted = guesses(400, 0)
    found = class_intervals(labels, predicted)

    def f1(*columns):
        return metrics.f1_score(*columns, average="macro")

    assert found["f1_macro"] == pytest.approx(
        resampled(f1, labels, predicted), abs=0.006
    )
    losses = np.random.default_rng(2).exponential(size=400)
    assert mean_intervals({"loss": losses})["loss"] == pytest.approx(
        resampled(np.mean, losses), abs=0.02
    )


def test_where_all_are_right_or_wrong_the_interval_has_a_width():
    labels = np.arange(16) % 2
    # 1.96² / (16 + 1.96²)
    share = pytest.approx(0.1936, abs=1e-4)
    found = class_intervals(labels, labels)
    assert set(found) == {"accuracy"}
    assert (1 - found["accuracy"][0], found["accuracy"][1]) == (share, 1.0)
    found = class_intervals(labels, 1 - labels)
    assert (found["accuracy"][0], found["accuracy"][1]) == (0.0, share)
    assert binary_intervals(labels == 1, labels.astype(float)) == {}


def test_of_two_classes_too_and_with_equal_probabilities():
    numbers = np.random.default_rng(0)
    true = numbers.random(300) < 0.3
    shares = np.round((numbers.random(300) + true) / 2, 1)
    found = binary_intervals(true, shares)
    for name, score in (
        ("roc_auc", metrics.roc_auc_score),
        ("average_precision", metrics.average_precision_score),
    ):
        expected = resampled(score, true, shares)
        assert found[name] == pytest.approx(expected, abs=0.01)
        assert found[name][0] < score(true, shares) < found[name][1]


def test_a_resample_is_scored_as_scikit_learn_scores_it():
    true = np.array([True, True, False, False])
    shares = np.array([0.9, 0.4, 0.4, 0.1])
    # by steps 0.9, 0.4 and 0.1: one, two and no positive examples
    hits, others = np.array([[1, 2, 0]]), np.array([[0, 1, 3]])
    rows = [0, 1, 1, 2, 3, 3, 3]
    assert intervals._areas(hits, others)[:, 0] == pytest.approx(
        [
            metrics.roc_auc_score(true[rows], shares[rows]),
            metrics.average_precision_score(true[rows], shares[rows]),
        ]
    )


@pytest.mark.slow
def test_95_of_100_cover_the_truth():
    covered = {"accuracy": 0, "f1_macro": 0, "loss": 0, "roc_auc": 0}
    for seed in range(200):
        labels, predicted = guesses(300, seed)
        numbers = np.random.default_rng(seed)
        true = numbers.random(300) < 0.5
        shares = numbers.normal(size=300) + np.sqrt(2) * true
        found = {
            **class_intervals(labels, predicted),
            **mean_intervals({"loss": numbers.normal(size=300)}),
            **binary_intervals(true, shares),
        }
        # classes alike have the F1 of the accuracy; Φ(1) of the pairs
        for name, truth in (
            ("accuracy", 0.8),
            ("f1_macro", 0.8),
            ("loss", 0.0),
            ("roc_auc", 0.8413),
        ):
            low, high = found[name]
            covered[name] += low <= truth <= high
    # 190 expected; chance alone gives 180 to 198
    assert all(180 <= count <= 198 for count in covered.values()), covered


def test_they_are_always_the_same():
    labels, predicted = guesses(200, 5)
    assert class_intervals(labels, predicted) == class_intervals(
        labels, predicted
    )
    losses = np.random.default_rng(0).random(200)
    assert mean_intervals({"loss": losses}) == mean_intervals({"loss": losses})


def test_what_is_not_there_has_no_interval(monkeypatch):
    alike = np.array([True, True])
    assert binary_intervals(alike, np.array([0.1, 0.2])) == {}
    monkeypatch.setattr(intervals, "_MOST_OF_CURVES", 3)
    mixed = np.array([True, False, True, False])
    assert binary_intervals(mixed, np.arange(4) / 4) == {}
    monkeypatch.setattr(intervals, "_MOST_OF_MEANS", 3)
    assert mean_intervals({"loss": np.ones(4)}) == {}
    monkeypatch.setattr(intervals, "_MOST_PAIRS", 1)
    assert class_intervals(np.array([0, 1]), np.array([0, 1])) == {}


def test_resamples_without_a_class_count_for_nothing():
    # a third of the resamples have one class alone; of the rest, a third have
    # only the example above the positive one, and a third only that below
    true = np.array([True, False, False])
    found = binary_intervals(true, np.array([0.5, 0.6, 0.4]))
    assert found["roc_auc"] == [0.0, 1.0]
