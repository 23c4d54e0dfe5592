import json
import math

import keras
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics.classification import classification_metrics


def test_numbers_worked_by_hand():
    # true    a a a b b
    # chosen  a a b b a
    logits = np.log([[3, 1], [3, 1], [1, 3], [1, 3], [3, 1]])
    found = classification_metrics(
        np.array([0, 0, 0, 1, 1]), logits, ["a", "b"]
    )
    assert found["examples"] == 5
    assert found["accuracy"] == pytest.approx(3 / 5)
    # three examples get probability 3/4, two get 1/4
    expected = -(3 * math.log(3 / 4) + 2 * math.log(1 / 4)) / 5
    assert found["loss"] == pytest.approx(expected)
    assert found["confusion_matrix"] == [[2, 1], [1, 1]]
    assert found["per_class"]["a"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3}
    )
    assert found["per_class"]["b"] == pytest.approx(
        {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2}
    )
    for name in ("precision_macro", "recall_macro", "f1_macro"):
        assert found[name] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_a_class_absent_from_the_split_counts_as_nought():
    found = classification_metrics(
        np.array([0, 0]), np.array([[1.0, 0, 0], [1, 0, 0]]), ["a", "b", "c"]
    )
    assert found["accuracy"] == 1.0
    assert found["recall_macro"] == pytest.approx(1 / 3)
    assert found["per_class"]["c"]["support"] == 0
    assert found["confusion_matrix"] == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_large_logits_do_not_overflow():
    logits = np.array([[1e4, 0.0], [0.0, -1e4]], np.float32)
    found = classification_metrics(np.array([1, 0]), logits, ["a", "b"])
    assert found["loss"] == pytest.approx(5000.0)


def test_loss_is_that_of_keras():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(50, 4)).astype(np.float32)
    labels = generator.integers(0, 4, 50)
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    found = classification_metrics(labels, logits, list("abcd"))
    assert found["loss"] == pytest.approx(
        float(expected(labels, logits)), abs=1e-6
    )


def test_metrics_are_json():
    found = classification_metrics(
        np.array([0, 1]), np.eye(2, dtype=np.float32), ["猫", "狗"]
    )
    assert json.loads(json.dumps(found)) == found


def test_no_examples_is_an_error():
    with pytest.raises(UserError, match="at least 1 example"):
        classification_metrics(np.zeros(0, int), np.zeros((0, 2)), ["a", "b"])
