"""How much noise a budget takes, and what noise gives away.

Google's `dp_accounting` counts: it composes the privacy loss distributions of
the steps (Koskela et al. 2020; Doroshenko et al. 2022), which is tighter than
Rényi's moments, and never reports less than is spent.
"""

import dataclasses
import functools
import importlib.metadata
import importlib.util
import math
from collections.abc import Callable
from typing import Any

from scipy import optimize, stats

from keras_ptft.errors import UserError
from keras_ptft.privacy.mechanisms import Budget

WHOLE = 2**32
"""A draw of a step is below this; the sampling rate is a fraction of it."""

# of delta, for batches that were larger than their capacity
_OVERFLOW = 1e-3
# the noise is a multiple of this, rounded up
_GRAIN = 1e-3
# less noise than this is not looked for
_LEAST_NOISE = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class Steps:
    """Steps of a private training, and how they draw their examples.

    Attributes:
        examples: of the training split.
        batch_size: examples a step that are expected.
        count: steps.
    """

    examples: int
    batch_size: int
    count: int

    @property
    def threshold(self) -> int:
        """An example is in a batch if its draw is below this."""
        return self.batch_size * WHOLE // self.examples

    @property
    def rate(self) -> float:
        """The probability that an example is in a batch."""
        return self.threshold / WHOLE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """What a private training spends.

    Attributes:
        mechanism: a name in `MECHANISMS`.
        epsilon: what is spent by all steps.
        epsilon_asked: what may be spent, by the settings.
        delta: at which epsilon is told.
        clip: largest norm of an example's gradient.
        noise_multiplier: standard deviation of the noise on the sum of the
            gradients, over `clip`.
        sampling_rate: probability that an example is in a batch.
        capacity: places of a batch.
        steps: that were accounted.
        accountant: what computed epsilon.
        neighbours: what two data sets that are to be told apart differ in.
        group: what is protected.
    """

    mechanism: str = "dp_sgd"
    epsilon: float
    epsilon_asked: float
    delta: float
    clip: float
    noise_multiplier: float
    sampling_rate: float
    capacity: int
    steps: int
    accountant: str
    neighbours: str = "add or remove one example"
    group: str = "one example"


def check_installed() -> None:
    """Raises a UserError unless `dp_accounting` is there."""
    if importlib.util.find_spec("dp_accounting") is None:
        raise UserError(
            "--privacy needs dp-accounting, which is not installed: pip "
            'install "keras_ptft[privacy]".'
        )


def check_delta(budget: Budget, examples: int) -> None:
    """Refuses a delta that would allow to publish an example.

    Raises:
        UserError: delta is too large for so few examples.
    """
    if budget.delta * examples >= 1.0:
        raise UserError(
            f"Setting 'delta' of privacy must be below 1 / {examples:,} "
            f"examples, got {budget.delta:g}: with that, publishing one of "
            f"them would pass; use {0.1 / examples:.1g}."
        )


def settle(budget: Budget, steps: Steps) -> Account:
    """Returns the account of a training that stays within a budget.

    Batches have a fixed number of places. They overflow with a probability p
    that moves each side of the guarantee by p at most, so that delta grows by
    (1 + e^epsilon) p: that is kept below a thousandth of delta, and the noise
    is that of the rest.

    Raises:
        UserError: `dp_accounting` is missing, or delta is too large for so
            few examples.
    """
    check_installed()
    check_delta(budget, steps.examples)
    noise = noise_multiplier(budget, steps)
    return Account(
        epsilon=spent(noise, steps.rate, steps.count, budget.delta),
        epsilon_asked=budget.epsilon,
        delta=budget.delta,
        clip=budget.clip,
        noise_multiplier=noise,
        sampling_rate=steps.rate,
        capacity=capacity(steps, budget),
        steps=steps.count,
        accountant=_accountant(),
    )


def noise_multiplier(budget: Budget, steps: Steps) -> float:
    """Returns the least noise that stays within a budget.

    Returns:
        Standard deviation over `clip`, a multiple of 0.001.

    Example:

    >>> budget = Budget(epsilon=3.0, delta=1e-5, clip=1.0)
    >>> noise_multiplier(budget, Steps(examples=100, batch_size=100, count=1))
    1.391
    """

    def over(noise: float) -> float:
        found = spent(noise, steps.rate, steps.count, budget.delta)
        return found - budget.epsilon

    low, high = _bracket(over)
    if over(low) > 0:
        low = optimize.brentq(over, low, high, xtol=_GRAIN / 4)
    rounded = round(math.ceil(low / _GRAIN) * _GRAIN, 6)
    # the root is found to a part of that
    while over(rounded) > 0:
        rounded = round(rounded + _GRAIN, 6)
    return rounded


@functools.cache
def spent(noise: float, rate: float, steps: int, delta: float) -> float:
    """Returns the epsilon of some private steps.

    Args:
        noise: standard deviation over the clip.
        rate: probability that an example is in a batch.
        steps: how many there are.
        delta: of which a thousandth is kept for batches that overflow.
    """
    import dp_accounting
    from dp_accounting import pld

    step = dp_accounting.PoissonSampledDpEvent(
        rate, dp_accounting.GaussianDpEvent(noise)
    )
    relation = dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
    accountant = pld.PLDAccountant(relation)
    accountant.compose(step, steps)
    return float(accountant.get_epsilon((1.0 - _OVERFLOW) * delta))


def capacity(steps: Steps, budget: Budget) -> int:
    """Returns the places of a batch, few enough to be computed.

    The neighbour with one example more is counted too.

    Returns:
        The least number that overflows in any of the steps with a
        probability below what `settle` allows.

    Example:

    >>> steps = Steps(examples=60_000, batch_size=256, count=9360)
    >>> capacity(steps, Budget(epsilon=3.0, delta=1e-5, clip=1.0))
    383
    """
    allowed = _OVERFLOW * budget.delta / (1.0 + math.exp(budget.epsilon))
    draws = stats.binom(steps.examples + 1, steps.rate)
    places = int(draws.isf(allowed / steps.count))
    while draws.sf(places) * steps.count > allowed:
        places += 1
    return max(min(places, steps.examples + 1), 1)


def account_of_done(account: Account, steps: int) -> dict[str, Any]:
    """Returns what so many steps have spent, as `result.json` holds it."""
    if steps != account.steps:
        epsilon = spent(
            account.noise_multiplier,
            account.sampling_rate,
            steps,
            account.delta,
        )
        account = dataclasses.replace(account, epsilon=epsilon, steps=steps)
    return dataclasses.asdict(account)


def _bracket(over: Callable[[float], float]) -> tuple[float, float]:
    """Noise that spends too much, and noise that does not."""
    high = 1.0
    while over(high) > 0:
        high *= 2
    low = high / 2
    while low > _LEAST_NOISE and over(low) <= 0:
        low, high = low / 2, low
    return low, high


def _accountant() -> str:
    return f"PLD, dp_accounting {importlib.metadata.version('dp-accounting')}"
