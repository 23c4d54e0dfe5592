"""The population stability index, and what of it is chance."""

import math

import numpy as np
import pytest
from scipy import stats

from keras_ptft.serving.monitoring.histograms import Histogram
from keras_ptft.serving.monitoring.stability import (
    chance_index,
    examples_needed,
    stability_index,
)

# shares of the bins that a reference makes, with its tails
SHARES = np.array([0.005, 0.095, *[0.1] * 8, 0.095, 0.005])


def index(expected, actual):
    return stability_index(np.array(expected), np.array(actual))


def test_the_index_by_hand():
    # (0.4 - 0.5) ln 0.8 + (0.3 - 0.25) ln 1.2, twice
    by_hand = 0.1 * 0.2231436 + 2 * 0.05 * 0.1823216
    assert index([500, 250, 250], [400, 300, 300]) == pytest.approx(by_hand)
    assert index([5, 3, 2], [500, 300, 200]) == 0
    assert index([4, 6], [6, 4]) == pytest.approx(index([6, 4], [4, 6]))


def test_an_empty_bin_is_half_an_example_or_the_usual_share():
    # of 20 examples half a one is 0.025
    few = 0.5 * math.log(2) - (0.5 - 0.025) * math.log(0.05)
    assert index([10_000, 10_000], [20, 0]) == pytest.approx(few)
    many = 0.5 * math.log(2) - (0.5 - 1e-4) * math.log(2e-4)
    assert index([10_000, 10_000], [90_000, 0]) == pytest.approx(many)


def test_bins_that_are_empty_in_both_do_not_count():
    expected, actual = np.array([50, 0, 50]), np.array([40, 0, 60])
    there = expected > 0
    assert stability_index(expected, actual) == stability_index(
        expected[there], actual[there]
    )
    limit = stats.chi2.ppf(0.95, 1) * (1 / 100 + 1 / 100)
    assert chance_index(expected, actual) == pytest.approx(limit)


def test_one_bin_cannot_move():
    assert index([7], [3]) == 0
    assert chance_index(np.array([7]), np.array([3])) == 0


@pytest.mark.parametrize("level", [0.95, 0.995])
@pytest.mark.parametrize("examples", [50, 300, 3000])
def test_nothing_that_changed_is_above_chance_as_often_as_told(level, examples):
    random = np.random.default_rng(examples)
    expected = random.multinomial(2000, SHARES, 2000)
    actual = random.multinomial(examples, SHARES, 2000)
    above = np.mean(
        [
            stability_index(e, a) > chance_index(e, a, level)
            for e, a in zip(expected, actual, strict=True)
        ]
    )
    # within the chance of 2,000 draws, and of the approximation
    assert 0.3 * (1 - level) < above < 1.6 * (1 - level)


def test_bins_of_the_reference_itself_are_no_exception():
    random = np.random.default_rng(0)
    above = []
    for _ in range(300):
        first = Histogram.of(random.normal(size=500))
        second = Histogram.of(random.normal(size=200), first.bins)
        counts = first.counts, second.counts
        above.append(stability_index(*counts) > chance_index(*counts))
    assert 0.01 < np.mean(above) < 0.1


def test_of_as_many_examples_as_told_what_moved_is_no_chance():
    expected = np.array([1000, 1000])
    needed = examples_needed(expected, np.array([13, 7]))
    # 1 / (0.1 / 3.8415 - 1 / 2000)
    assert needed == 39
    of_many = chance_index(expected, np.array([20, 19]))
    assert of_many == pytest.approx(0.1, rel=0.01)
    assert examples_needed(np.array([5, 5]), np.array([13, 7])) is None
