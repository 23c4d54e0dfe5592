"""How far up right answers are found."""

import numpy as np
import pytest

from keras_ptft.evaluation.metrics.retrieval import mean_reciprocal_rank

QUERIES = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
ANSWERS = np.array([[3.0, 0.0], [1.0, 0.1], [0.0, -1.0]])


def test_by_hand():
    ids = np.arange(3)
    # first; first (0.0995 before 0 and -1); last
    found = mean_reciprocal_rank(QUERIES, ANSWERS, ids, ids)
    assert found == pytest.approx((1 + 1 + 1 / 3) / 3)


def test_equal_texts_count_once():
    # the first two queries are one, whose other answer does not count
    found = mean_reciprocal_rank(
        QUERIES, ANSWERS, np.array([0, 0, 1]), np.array([0, 1, 2])
    )
    assert found == pytest.approx((1 + 1 + 1 / 3) / 3)
    # two answers are one: to be second is the worst
    found = mean_reciprocal_rank(
        QUERIES, ANSWERS[[0, 0, 2]], np.arange(3), np.array([0, 0, 2])
    )
    assert found == pytest.approx((1 + 1 + 1 / 2) / 3)


def test_features_that_are_all_alike_are_worth_nothing():
    alike = np.ones((50, 4))
    ids = np.arange(50)
    assert mean_reciprocal_rank(alike, alike, ids, ids) == pytest.approx(0.02)


def test_a_second_implementation():
    random = np.random.default_rng(0)
    queries, answers = random.standard_normal((2, 3000, 8))
    ids = np.arange(3000)
    cosines = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        answers / np.linalg.norm(answers, axis=1, keepdims=True)
    ).T
    ranks = np.sum(cosines >= np.diag(cosines)[:, None], axis=1)
    found = mean_reciprocal_rank(queries, answers, ids, ids)
    assert found == pytest.approx(np.mean(1 / ranks), rel=1e-6)
