"""Labels that may be wrong, worked by hand."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from keras_ptft.evaluation.label_issues import find_label_issues

# thresholds 0.65 and 0.75, the mean probability of each label's examples
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
SURE = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.1, 0.1, 0.7])
TWO = np.stack([SURE, 1 - SURE], 1)


def test_what_is_confidently_of_another_class():
    found = find_label_issues(LABELS, TWO)
    # 0.2 of its label, and 0.8 reaches 0.75; 0.7 reaches 0.65
    assert found.indices.tolist() == [3, 7]
    assert found.margins == pytest.approx(
        [0.8, 0.6, 0.4, -0.6, 0.8, 0.8, 0.8, -0.4]
    )
    # of each label's four, one counts for the other
    assert found.share == pytest.approx(0.25)


def test_what_reaches_no_threshold_counts_for_nothing():
    unsure = np.array([[0.55, 0.45], [0.45, 0.55]])
    labels = np.array([*LABELS, 0, 1])
    found = find_label_issues(labels, np.concatenate([TWO, unsure]))
    # thresholds (2.6 + 0.55) / 5 = 0.63 and (3.0 + 0.55) / 5 = 0.71
    assert found.indices.tolist() == [3, 7]
    assert found.share == pytest.approx(0.25)


def test_of_several_classes_the_likeliest_counts():
    labels = np.array([0, 0, 1, 2])
    three = np.array(
        [[0.4, 0.3, 0.3], [0.05, 0.45, 0.5], [0.3, 0.4, 0.3], [0.3, 0.3, 0.4]]
    )
    # thresholds 0.225, 0.4 and 0.4: the second reaches two of them
    found = find_label_issues(labels, three)
    assert found.indices.tolist() == [1]
    assert found.margins[1] == pytest.approx(-0.45)
    # half of the two examples of 0
    assert found.share == pytest.approx(0.25)


def test_a_class_without_examples_is_nobody_s():
    three = np.concatenate([TWO * 0.5, np.full((8, 1), 0.5)], 1)
    found = find_label_issues(LABELS, three)
    assert found.share == pytest.approx(0.25)


def test_flipped_labels_of_digits_are_found():
    images, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    flipped = random.choice(len(labels), 54, replace=False)
    given = labels.copy()
    given[flipped] = (given[flipped] + random.integers(1, 10, 54)) % 10
    model = KNeighborsClassifier(10)
    probabilities = cross_val_predict(
        model, images, given, cv=3, method="predict_proba"
    )
    found = find_label_issues(given, probabilities)
    hits = np.isin(flipped, found.indices).sum()
    # as measured; 3 % are wrong
    assert (hits, len(found.indices)) == (43, 49)
    assert np.isin(found.indices[:10], flipped).sum() == 9
    assert found.share == pytest.approx(0.03, abs=0.006)
