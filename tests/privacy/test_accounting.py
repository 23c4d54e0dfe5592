"""How much noise a budget takes, by other means than those of the program."""

import dataclasses
import importlib.util
import math

import dp_accounting
import pytest
from dp_accounting import rdp
from dp_accounting.pld import privacy_loss_distribution
from scipy import stats

from keras_ptft.errors import UserError
from keras_ptft.privacy import Budget, accounting
from keras_ptft.privacy.accounting import (
    Steps,
    account_of_done,
    capacity,
    noise_multiplier,
    settle,
    spent,
)

# noise, sampling rate, steps, delta
SETTINGS = [
    (1.1, 256 / 60_000, 2340, 1e-5),
    (2.0, 0.05, 400, 1e-6),
    pytest.param(0.8, 0.001, 3000, 1e-5, marks=pytest.mark.slow),
]
BUDGET = Budget(epsilon=3.0, delta=1e-5, clip=1.0)


@pytest.mark.parametrize(("noise", "rate", "steps", "delta"), SETTINGS)
def test_the_losses_composed_by_hand(noise, rate, steps, delta):
    step = privacy_loss_distribution.from_gaussian_mechanism(
        noise, sampling_prob=rate
    )
    by_hand = step.self_compose(steps).get_epsilon_for_delta(0.999 * delta)
    found = spent(noise, rate, steps, delta)
    assert found == pytest.approx(by_hand, rel=1e-6)
    moments = rdp.RdpAccountant().compose(
        dp_accounting.PoissonSampledDpEvent(
            rate, dp_accounting.GaussianDpEvent(noise)
        ),
        steps,
    )
    # Rényi's moments bound the same from farther above
    assert found < moments.get_epsilon(delta) < 3 * found


def gaussian_delta(noise, epsilon):
    """Theorem 8 of Balle and Wang 2018, for a sensitivity of 1."""
    first = stats.norm.cdf(0.5 / noise - epsilon * noise)
    second = stats.norm.cdf(-0.5 / noise - epsilon * noise)
    return first - math.exp(epsilon) * second


@pytest.mark.parametrize("steps", [1, 25])
def test_whole_batches_have_a_closed_form(steps):
    # n steps with noise s tell as much as one with s / sqrt(n)
    noise = 1.5 * math.sqrt(steps)
    found = spent(noise, 1.0, steps, 1e-5)
    assert gaussian_delta(1.5, found) == pytest.approx(0.999e-5, rel=2e-3)


def test_more_noise_spends_less_and_more_steps_more():
    less = [spent(noise, 0.01, 200, 1e-5) for noise in (0.7, 1.0, 2.0)]
    assert less == sorted(less, reverse=True)
    more = [spent(1.0, 0.01, steps, 1e-5) for steps in (50, 200, 800)]
    assert more == sorted(more)
    assert spent(1.0, 0.01, 200, 1e-6) > spent(1.0, 0.01, 200, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.5, 8.0])
def test_the_noise_is_the_least_that_stays_within_the_budget(epsilon):
    budget = dataclasses.replace(BUDGET, epsilon=epsilon)
    steps = Steps(examples=2000, batch_size=100, count=60)
    noise = noise_multiplier(budget, steps)
    assert spent(noise, steps.rate, 60, 1e-5) <= epsilon
    assert spent(noise - 0.002, steps.rate, 60, 1e-5) > epsilon
    assert noise == round(noise, 3)


def test_an_account_by_hand():
    steps = Steps(examples=1000, batch_size=64, count=45)
    account = settle(BUDGET, steps)
    # floor(0.064 · 2^32), which is 274877906.944
    assert steps.threshold == 274_877_906
    assert account.sampling_rate == 274_877_906 / 2**32
    assert 2.9 < account.epsilon <= account.epsilon_asked == 3.0
    told = account_of_done(account, 45)
    assert told["steps"] == 45 and told["epsilon"] == account.epsilon
    assert told["accountant"] == "PLD, dp_accounting 0.6.0"
    assert told["neighbours"] == "add or remove one example"
    fewer = account_of_done(account, 20)
    assert fewer["steps"] == 20 and fewer["epsilon"] < account.epsilon


def test_the_capacity_is_the_least_that_hardly_overflows():
    steps = Steps(examples=80, batch_size=20, count=40)
    found = capacity(steps, BUDGET)

    def overflows(places):
        """Probability in any step, with the one example more, summed up."""
        p, n = steps.rate, 81
        tail = [
            math.comb(n, k) * p**k * (1 - p) ** (n - k)
            for k in range(places + 1, n + 1)
        ]
        return 40 * math.fsum(tail)

    allowed = 1e-3 * 1e-5 / (1 + math.exp(3.0))
    assert overflows(found) <= allowed
    assert overflows(found - 1) > allowed


def test_where_all_examples_are_in_every_batch():
    steps = Steps(examples=10, batch_size=10, count=3)
    assert steps.rate == 1.0
    # and the one more that a neighbour has
    assert capacity(steps, BUDGET) == 11


def test_delta_must_be_below_one_example():
    with pytest.raises(UserError, match=r"below 1 / 1,000 examples, got 0.001"):
        settle(
            dataclasses.replace(BUDGET, delta=1e-3),
            Steps(examples=1000, batch_size=10, count=1),
        )


def test_what_is_needed_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    with pytest.raises(UserError, match=r'pip install "keras_ptft\[privacy\]"'):
        accounting.check_installed()
