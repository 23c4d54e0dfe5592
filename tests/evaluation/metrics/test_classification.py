"""Metrics of classes, with numbers worked by hand."""

import json
import resource
import sys

import numpy as np
import pytest

from keras_ptft.evaluation.metrics.classification import (
    MOST_CONFUSIONS,
    accuracy,
    class_metrics,
    confusions_of,
)

# bytes in one of ru_maxrss
UNIT = 1 if sys.platform == "darwin" else 1024


def test_numbers_worked_by_hand():
    # true    a a a b b
    # chosen  a a b b a
    labels, predicted = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0])
    found = class_metrics(labels, predicted, ["a", "b"])
    assert found["confusions"] == [[0, 1, 1], [1, 0, 1]]
    assert found["per_class"]["a"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3}
    )
    assert found["per_class"]["b"] == pytest.approx(
        {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2}
    )
    for name in ("precision_macro", "recall_macro", "f1_macro"):
        assert found[name] == pytest.approx((2 / 3 + 1 / 2) / 2)
    for name in ("precision_weighted", "recall_weighted", "f1_weighted"):
        assert found[name] == pytest.approx((3 * 2 / 3 + 2 * 1 / 2) / 5)
    assert accuracy(labels, np.eye(2)[predicted]) == pytest.approx(3 / 5)


def test_a_class_without_examples_is_no_part_of_the_averages():
    labels, predicted = np.array([0, 0, 1]), np.array([0, 2, 1])
    found = class_metrics(labels, predicted, ["a", "b", "c"])
    # a: precision 1, recall 1/2; b: all right; none is c
    assert found["precision_macro"] == 1.0
    assert found["recall_macro"] == pytest.approx(3 / 4)
    assert found["f1_macro"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["f1_weighted"] == pytest.approx((2 * 2 / 3 + 1) / 3)
    assert found["per_class"]["c"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "support": 0,
    }


def test_metrics_are_json():
    found = class_metrics(
        np.array([0, 1, 1]), np.array([0, 1, 0]), ["猫", "狗"]
    )
    assert json.loads(json.dumps(found)) == found


def test_confusions_are_ordered_by_how_frequent_they_are():
    labels = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([1, 2, 2, 0, 1, 2])
    assert confusions_of(labels, predicted) == [
        [0, 2, 2],
        [0, 1, 1],
        [1, 0, 1],
    ]


def test_nothing_grows_with_the_square_of_the_classes():
    names = [f"class {number}" for number in range(3000)]
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 3000, (2, 6000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = class_metrics(labels, predicted, names)
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    # a table of all pairs would take 72 MB and more
    assert added * UNIT < 50_000_000
    assert len(found["confusions"]) == MOST_CONFUSIONS
    assert len(json.dumps(found, indent=2)) < 2_000_000
