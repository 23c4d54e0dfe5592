"""Rows, models and the choice of a penalty, by hand."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from keras_ptft.comparison.baselines.choice import Examples, choose, thirds
from keras_ptft.comparison.baselines.features import features_of
from keras_ptft.comparison.baselines.models import FAMILIES
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.targets import CLASSES, NUMBERS, SETS


def test_blocks_of_pixels_by_hand():
    images = np.zeros((2, 48, 16, 1), np.uint8)
    # of 48 rows, blocks have 1 and 2 in turn
    images[1, 0], images[1, 1] = 255, 51
    source = ArraySource(images, [0, 1])
    rows = features_of(source, np.arange(2)).rows(source, np.arange(2))
    assert rows.shape == (2, 32 * 16)
    difference = (rows[1] - rows[0]).reshape(32, 16)
    np.testing.assert_allclose(difference[0], 1.0, rtol=1e-6)
    np.testing.assert_allclose(difference[1], 0.1, rtol=1e-6)
    assert (difference[2:] == 0).all()


def test_several_inputs_are_rows_of_pixels_and_numbers():
    inputs = {
        "image": np.array([0, 255, 0, 255], np.uint8).reshape(4, 1, 1, 1),
        "vector": np.array([[1.0], [1.0], [5.0], [5.0]], np.float32),
    }
    source = ArraySource(inputs, [0, 0, 1, 1])
    features = features_of(source, np.arange(4))
    assert features.name == "numbers and pixels"
    rows = features.rows(source, np.array([3, 0]))
    np.testing.assert_allclose(rows, [[0.5, 1.0], [-0.5, -1.0]])


def test_labels_that_all_or_none_have():
    rows = np.eye(4, 3)
    values = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 1], [1, 0, 0]])
    model = FAMILIES[SETS, False].fit(rows, values, 3, 100.0)
    scores = model.scores(rows)
    assert (scores[:, 0] == 30).all() and (scores[:, 1] == -30).all()
    assert ((scores[:, 2] > 0) == (values[:, 2] > 0)).all()


def test_a_class_without_training_examples_is_never_chosen():
    rows = np.array([[0.0], [1.0], [0.0], [1.0]])
    model = FAMILIES[CLASSES, False].fit(rows, np.array([0, 2, 0, 2]), 3, 1e3)
    scores = model.scores(rows)
    assert scores.argmax(axis=1).tolist() == [0, 2, 0, 2]
    assert (scores[:, 1] == -30).all()
    alone = FAMILIES[CLASSES, False].fit(rows, np.array([1, 1, 1, 1]), 3, 1.0)
    assert alone.scores(rows).argmax(axis=1).tolist() == [1] * 4


@pytest.mark.parametrize("sparse", [False, True])
def test_slopes_in_fewer_dimensions_are_the_same(sparse):
    random = np.random.default_rng(0)
    rows, labels = random.normal(size=(12, 40)), np.arange(12) % 3
    family = FAMILIES[CLASSES, sparse]
    model = family.fit(rows, labels, 3, 0.1)
    make = LinearSVC if sparse else LogisticRegression
    options = {"random_state": 0, "tol": 1e-6, "max_iter": 100_000}
    theirs = make(C=0.1, **options).fit(rows, labels)
    expected = theirs.decision_function(rows)
    np.testing.assert_allclose(model.scores(rows), expected, atol=0.02)


def test_thirds_have_their_share_of_each_class():
    labels = np.array([0] * 6 + [1] * 3)
    parts = thirds(Examples(np.arange(9.0)[:, None], labels))
    assert [held.targets.tolist() for _, held in parts] == [[0, 0, 1]] * 3
    seen = np.concatenate([held.rows[:, 0] for _, held in parts])
    assert sorted(seen) == list(range(9))
    for train, held in parts:
        assert not set(train.rows[:, 0]) & set(held.rows[:, 0])


def test_the_search_prefers_the_stronger_penalty_of_two():
    rows = np.repeat(np.array([[-1.0], [1.0]]), 6, axis=0)
    examples = Examples(rows, np.repeat([0, 1], 6))
    family = FAMILIES[CLASSES, True]
    assert choose(family, examples, examples, 2) == family.grid[0]
    assert choose(family, examples, None, 2) == family.grid[0]
    ridge = FAMILIES[NUMBERS, False]
    values = Examples(rows, rows[:, 0] * 3)
    assert choose(ridge, values, None, 1) == ridge.grid[-1]
