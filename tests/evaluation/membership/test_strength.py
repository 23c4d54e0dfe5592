"""How well scores tell members from others, by hand and by simulation."""

import itertools

import numpy as np
import pytest
from scipy.stats import hypergeom
from sklearn.metrics import roc_auc_score

from keras_ptft.evaluation.membership.strength import (
    Hits,
    cross_fitted,
    exact_interval,
    strength,
)


def drawn(count, shift=0.0, seed=0):
    numbers = np.random.default_rng(seed)
    return numbers.normal(shift, size=count), numbers.normal(size=count)


def test_six_examples_by_hand():
    found = strength(np.array([3.0, 2.0, 1.0]), np.array([2.5, 0.5, 0.0]))
    # the member of 3 is ahead of 3 others, that of 2 of 2, that of 1 of 2
    assert found["auc"] == pytest.approx(7 / 9)
    # shares ahead 1, 2/3, 2/3 and behind 1/3, 1, 1: variances 1/27 and 4/27
    reach = 1.959964 * (1 / 27 / 3 + 4 / 27 / 3) ** 0.5
    low, high = found["intervals"]["auc"]
    assert low == pytest.approx(7 / 9 - reach)
    assert high == 1.0
    assert found["roc"] == {
        "fpr": [0.0, 0.0, pytest.approx(1 / 3), pytest.approx(1 / 3), 1.0],
        "tpr": [0.0, pytest.approx(1 / 3), pytest.approx(1 / 3), 1.0, 1.0],
    }
    # 3 others tell nothing about 1 % of them
    assert set(found["by_chance"]) == {"auc", "advantage"}


def test_equal_scores_count_half():
    found = strength(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    assert found["auc"] == pytest.approx((0.5 + 1 + 1 + 1) / 4)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_the_area_is_that_of_scikit_learn(shift):
    ours, theirs = drawn(500, shift)
    labels = np.repeat([1, 0], 500)
    expected = roc_auc_score(labels, np.concatenate([ours, theirs]))
    assert strength(ours, theirs)["auc"] == pytest.approx(expected)


def test_low_rates_need_as_many_others():
    found = strength(*drawn(999))
    assert "tpr_at_1_percent" in found
    assert "tpr_at_0.1_percent" not in found
    assert "tpr_at_0.1_percent" in strength(*drawn(1000))
    # members above all but one of 100 others
    others = np.arange(100.0)
    members = np.repeat([98.5, 97.5, 50.0], [3, 2, 5])
    found = strength(members, others)
    assert found["tpr_at_1_percent"] == pytest.approx(0.3)
    # at most 1 of the 100 others is among the first 4 of all 110
    expected = hypergeom.cdf(1, 110, 100, 4)
    assert found["p_values"]["tpr_at_1_percent"] == pytest.approx(expected)


def test_how_probable_hits_at_a_rate_are_by_chance():
    # both members are among the first 3 of all 102, in 3 * 2 ordered places
    others, members = np.arange(100.0), np.array([98.5, 200.0])
    expected = (3 * 2 * 1 * 100) / (102 * 101 * 100)
    found = strength(members, others)["p_values"]["tpr_at_1_percent"]
    assert found == pytest.approx(expected)
    # where none is found, as many or more always are
    found = strength(members - 300, others)["p_values"]
    assert found == {"tpr_at_1_percent": 1.0}


def test_true_positives_at_a_rate_are_in_their_interval():
    # of members 1 ahead: 1 - Phi(2.3263 - 1)
    truth, covered, surely = 0.0924, 0, 0
    for seed in range(100):
        found = strength(*drawn(500, 1.0, seed))
        low, high = found["intervals"]["tpr_at_1_percent"]
        covered += low <= truth <= high
        equal = strength(*drawn(500, 0.0, 1000 + seed))
        surely += equal["p_values"]["tpr_at_1_percent"] <= 0.025
    assert covered >= 95
    assert surely <= 6


def test_who_is_told_apart_entirely():
    found = strength(np.full(20, 1.0), np.full(20, 0.0))
    assert (found["auc"], found["advantage"]) == (1.0, 1.0)
    # no resample tells how much it would vary
    assert "auc" not in found["intervals"]


def test_equal_distributions_are_found_equal():
    covered, advantages = 0, []
    for seed in range(200):
        ours, theirs = drawn(60, seed=seed)
        found = strength(ours, theirs)
        low, high = found["intervals"]["auc"]
        covered += low <= 0.5 <= high
        advantages.append(found["advantage"])
    assert 0.92 <= covered / 200 <= 0.98
    # chosen and measured on the same examples it would be 0.15
    assert abs(np.mean(advantages)) < 0.03


def test_the_advantage_of_shifted_distributions():
    # of two normal distributions 1 apart: 2 Phi(1/2) - 1
    found = strength(*drawn(20_000, 1.0))
    assert found["advantage"] == pytest.approx(0.3829, abs=0.015)
    low, high = found["intervals"]["advantage"]
    assert low < 0.3829 < high
    assert high - low < 0.03


def test_hits_are_counted_once_for_each_example():
    hits = cross_fitted(*drawn(101))
    assert (hits.members, hits.others) == (101, 101)
    assert Hits(5, 10, 1, 10).advantage == 0.4


def test_a_long_curve_is_stored_in_few_points():
    roc = strength(*drawn(20_000))["roc"]
    assert len(roc["fpr"]) == len(roc["tpr"]) <= 200
    assert (roc["fpr"][-1], roc["tpr"][-1]) == (1.0, 1.0)
    pairs = itertools.pairwise(zip(roc["fpr"], roc["tpr"], strict=True))
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairs)


def test_an_exact_interval():
    # 1 - 0.025 ** (1 / 10)
    assert exact_interval(0, 10) == pytest.approx([0.0, 0.30850], abs=1e-5)
