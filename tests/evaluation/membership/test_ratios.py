"""Likelihood ratios against the densities of SciPy."""

import numpy as np
import pytest
from scipy.stats import norm

from keras_ptft.evaluation.membership.ratios import likelihood_ratios


def drawn(models, examples=7, seed=0):
    """Confidences that are higher where a model has seen the example."""
    numbers = np.random.default_rng(seed)
    ranks = numbers.random((models, examples)).argsort(axis=0)
    within = ranks < models // 2
    confidences = numbers.normal(size=(models, examples)) + 2 * within
    return confidences, within, numbers.normal(1, 2, examples)


def test_few_models_share_a_variance():
    confidences, within, target = drawn(8)
    expected = []
    for chosen in (within, ~within):
        columns = [c[w] for c, w in zip(confidences.T, chosen.T, strict=True)]
        scale = np.sqrt(np.mean([column.var(ddof=1) for column in columns]))
        means = [column.mean() for column in columns]
        expected.append(norm.logpdf(target, means, scale))
    found = likelihood_ratios(target, confidences, within)
    assert found == pytest.approx(expected[0] - expected[1])


def test_many_models_have_a_variance_of_each_example():
    confidences, within, target = drawn(64)
    expected = []
    for chosen in (within, ~within):
        columns = [c[w] for c, w in zip(confidences.T, chosen.T, strict=True)]
        scales = [column.std(ddof=1) for column in columns]
        means = [column.mean() for column in columns]
        expected.append(norm.logpdf(target, means, scales))
    found = likelihood_ratios(target, confidences, within)
    assert found == pytest.approx(expected[0] - expected[1])


def test_who_answers_as_a_member_does_is_one():
    confidences, within, _ = drawn(16)
    found = likelihood_ratios(
        np.array([2.0] * 4 + [0.0] * 3), confidences, within
    )
    assert (found[:4] > 0).all()
    assert (found[4:] < 0).all()


def test_models_that_all_answer_the_same_tell_nothing():
    within = np.tile([[True], [True], [False], [False]], (1, 3))
    found = likelihood_ratios(np.zeros(3), np.ones((4, 3)), within)
    assert found.tolist() == [0.0, 0.0, 0.0]
