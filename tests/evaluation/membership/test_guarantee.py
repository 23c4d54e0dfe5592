"""What a guarantee of privacy leaves an attacker."""

import math

import numpy as np
import pytest

from keras_ptft.evaluation.membership.guarantee import (
    beside,
    is_exceeded,
    limits,
)
from keras_ptft.evaluation.membership.strength import Hits, strength


def test_limits_by_hand():
    found = limits(2.0, 0.01)
    e2 = math.exp(2)
    assert found["advantage"] == pytest.approx((e2 - 1 + 0.02) / (e2 + 1))
    assert found["tpr_at_1_percent"] == pytest.approx(e2 * 0.01 + 0.01)


@pytest.mark.parametrize("epsilon", [50.0, 1e4, math.inf])
def test_a_large_epsilon_allows_all(epsilon):
    assert set(limits(epsilon, 1e-5).values()) == {1.0}
    assert not is_exceeded(Hits(1000, 1000, 0, 1000), epsilon, 1e-5)


def test_randomised_response_stays_within_its_epsilon():
    # it says the truth with probability e / (1 + e), which epsilon 1 allows
    numbers, truth = np.random.default_rng(0), math.e / (1 + math.e)
    exceeded = 0
    for _ in range(200):
        right = int(numbers.binomial(500, truth))
        wrong = int(numbers.binomial(500, 1 - truth))
        exceeded += is_exceeded(Hits(right, 500, wrong, 500), 1.0, 0.0)
    assert exceeded / 200 <= 0.05


def test_more_than_is_allowed_is_seen():
    assert is_exceeded(Hits(400, 500, 50, 500), 1.0, 0.0)
    # whoever is surely no member counts as well
    assert is_exceeded(Hits(500, 500, 250, 500), 1.0, 0.0)


def test_beside_what_was_measured():
    found = strength(np.arange(20.0), np.arange(20.0))
    hits = Hits(10, 20, 10, 20)
    assert beside(None, found, hits) is None
    known = beside({"epsilon": 3.0, "delta": 1e-5}, found, hits)
    assert set(known["most"]) == {"advantage"}
    assert known["exceeded"] is False
