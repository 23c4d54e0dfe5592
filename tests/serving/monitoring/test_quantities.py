"""What is measured of inputs and answers, by hand."""

import math

import numpy as np
import pytest

from keras_ptft.data.core.info import DataInfo
from keras_ptft.serving.monitoring.histograms import OTHERS
from keras_ptft.serving.monitoring.quantities import of_answers, of_input

NO_INFO = DataInfo()


def test_pixels():
    images = np.zeros((2, 2, 2, 1), np.uint8)
    images[1, 0] = [[100], [255]]
    found = of_input("image", images, NO_INFO)
    assert found["pixel mean"].tolist() == [0, 88.75]
    spread = math.sqrt((100**2 + 255**2) / 4 - 88.75**2)
    assert found["pixel contrast"].tolist() == [0, pytest.approx(spread)]
    assert found["saturated pixels"].tolist() == [1, 0.75]
    floats = of_input("image", images / 255, NO_INFO)
    assert list(floats) == ["pixel mean", "pixel contrast"]


def test_columns():
    rows = np.array([[1, np.nan], [3, 4]], np.float32)
    found = of_input("vector", rows, DataInfo(columns=("age", "cost")))
    assert list(found) == ["column age", "column cost"]
    np.testing.assert_array_equal(found["column cost"], [np.nan, 4])
    assert list(of_input("vector", rows, NO_INFO)) == ["column 0", "column 1"]
    assert len(of_input("vector", np.zeros((2, 300)), NO_INFO)) == 200


@pytest.mark.parametrize("width", [1, 2])
def test_tokens(width):
    ids = np.array([[5, 1, 7, 1], [6, 0, 0, 0], [0, 0, 0, 0]])
    if width > 1:
        ids = np.stack([ids, np.full_like(ids, 1)], axis=-1)
    found = of_input("tokens", ids, NO_INFO)
    assert found["tokens"].tolist() == [4, 1, 0]
    assert found["unknown tokens"].tolist() == [0.5, 0, 0]
    assert found["empty text"].tolist() == ["not empty", "not empty", "empty"]


def test_other_arrays():
    found = of_input("signal", np.array([[[1.0], [3.0]]]), NO_INFO)
    assert {name: rows.tolist() for name, rows in found.items()} == {
        "array mean": [2],
        "array spread": [1],
    }


def test_one_label_an_example():
    shares = np.array([[0.5, 0.25, 0.25], [0, 1, 0], [np.nan] * 3])
    found = of_answers({"probabilities": shares}, ("a", "b", "c"))
    assert found["label"].tolist() == ["a", "b", OTHERS]
    np.testing.assert_array_equal(found["confidence"], [0.5, 1, np.nan])
    # 1.5 ln 2
    np.testing.assert_array_equal(found["entropy"], [1.03972, 0, np.nan])


def test_answers_of_other_kinds():
    numbers = {"value": np.array([1234567.8, -0.5], np.float32)}
    assert of_answers(numbers, ())["value"].tolist() == [1234570, -0.5]
    sets = {
        "probabilities": np.array([[0.9, 0.6], [0.1, 0.2]]),
        "chosen": np.array([[True, True], [False, False]]),
    }
    found = of_answers(sets, ("a", "b"))
    assert found["labels given"].tolist() == [2, 0]
    assert found["highest probability"].tolist() == [0.9, 0.2]
    tags = {
        "probabilities": np.array([[[0.9, 0.1], [0.3, 0.7]], [[0.6, 0.4]] * 2]),
        "words": np.array([[b"a", b"b"], [b"", b""]], object),
    }
    assert of_answers(tags, ("a", "b"))["confidence"].tolist() == [0.7, 1]
    assert of_answers({"logits": np.zeros(2)}, ()) == {}
