"""What is told of features, by hand and beside scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from keras_ptft.evaluation.feature_quality import (
    effective_rank,
    knn_accuracy,
    spread,
)


def test_nearest_neighbours_are_scikit_learn_s():
    pixels, labels = load_digits(return_X_y=True)
    rows, known = slice(0, 1100), slice(1100, None)
    model = KNeighborsClassifier(
        20,
        metric="cosine",
        # the cosine is 1 less the distance
        weights=lambda distances: np.exp((1 - distances) / 0.07),
    )
    model.fit(pixels[known], labels[known])
    expected = np.mean(model.predict(pixels[rows]) == labels[rows])
    found = knn_accuracy(
        pixels[rows], labels[rows], pixels[known], labels[known]
    )
    assert found == expected
    assert found > 0.9


def test_few_known_examples_are_all_looked_at():
    known = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = knn_accuracy(known, np.array([0, 1]), known, np.array([0, 1]))
    assert found == 1.0


@pytest.mark.parametrize("width", [1, 3, 8])
def test_rank_of_equal_directions_is_their_number(width):
    axes = np.concatenate([np.eye(width), -np.eye(width)])
    features = np.zeros((2 * width, 10))
    features[:, :width] = axes
    assert effective_rank(features + 5.0) == pytest.approx(width)


def test_rank_by_hand():
    # singular values 3·√2 and 1·√2: shares 3/4 and 1/4
    features = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert effective_rank(features) == pytest.approx(np.exp(entropy))


def test_what_collapsed_has_no_rank_and_no_spread():
    for value in (0.0, 0.37):
        same = np.full((9, 4), value, np.float32)
        assert effective_rank(same) == 0.0
        assert spread(same) == pytest.approx(0.0, abs=1e-6)


def test_spread_by_hand():
    # the mean of two right angles has length 1/√2
    features = np.array([[2.0, 0.0], [0.0, 0.5]])
    assert spread(features) == pytest.approx(np.sqrt(0.5))
