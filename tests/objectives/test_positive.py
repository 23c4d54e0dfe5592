"""Two classes, of which one is looked for."""

import keras
import numpy as np
import pytest

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.classification import Classification

NAMES = ("healthy", "ill")
INFO = DataInfo(label_names=NAMES)


def rows(shares, labels):
    """Examples that are logits: the probability of the second class."""
    shares = np.array(shares)
    logits = np.log(np.stack([1 - shares, shares], axis=1))
    return ArraySource(logits.astype(np.float32), labels, name="vector")


def identity(width=2):
    inputs = keras.Input((width,), name="vector")
    return keras.Model(inputs, keras.layers.Identity()(inputs))


def test_the_second_class_is_the_positive_one_unless_set():
    source = rows([0.9, 0.4, 0.6, 0.1], [1, 1, 0, 0])
    found = Classification(INFO).score(identity(), source)
    # of 4 pairs 3 are in order, whichever class is looked for
    assert found["roc_auc"] == pytest.approx(3 / 4)
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["positive"]["class"] == "ill"
    found = Classification(INFO, positive="healthy").score(identity(), source)
    assert found["roc_auc"] == pytest.approx(3 / 4)
    assert found["positive"]["class"] == "healthy"
    assert found["positive"]["recall"] == 1 / 2


def test_the_best_threshold_is_that_of_the_validation_split():
    validation = rows([0.3, 0.25, 0.15, 0.1], [1, 1, 0, 0])
    test = rows([0.4, 0.22, 0.21, 0.1], [1, 1, 0, 0])
    splits = {"train": test, "validation": validation, "test": test}
    found = Classification(INFO).evaluate(identity(), Dataset(splits, NAMES))
    # at 0.5 nobody is ill, at 0.2 three are, one of them by mistake
    positive = found.metrics["test"]["positive"]
    assert (positive["threshold"], positive["recall"]) == (0.5, 0.0)
    assert positive["at_best_validation_f1"] == pytest.approx(
        {"threshold": 0.2, "precision": 2 / 3, "recall": 1.0, "f1": 0.8}
    )


def test_of_three_classes_none_is_positive():
    logits = np.eye(3, dtype=np.float32)
    source = ArraySource(logits, [0, 1, 2], name="vector")
    info = DataInfo(label_names=("a", "b", "c"))
    found = Classification(info).score(identity(3), source)
    assert not {"roc_auc", "average_precision", "positive"} & set(found)


@pytest.mark.parametrize("names", [NAMES, ("a", "b", "c")])
def test_a_class_that_there_is_not(names):
    with pytest.raises(UserError, match="must name one of two classes, got"):
        Classification(DataInfo(label_names=names), positive="Ill")
