"""Schedules against numbers worked by hand."""

import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.training.optimizers.schedules import SCHEDULES, make_schedule

# schedule → learning rates at the steps 0, 25, 50, 75, 100 of 100, peak 1
SCHEDULE_CASES = {
    "constant": ("constant", [1, 1, 1, 1, 1]),
    "cosine": ("cosine", [1, 0.5 + 0.5 * 2**-0.5, 0.5, 0.1464466, 0]),
    "exponential": ("exponential(end=0.0001)", [1, 0.1, 0.01, 0.001, 0.0001]),
    "piecewise": ("piecewise(at=[0.5, 0.7])", [1, 1, 0.1, 0.01, 0.01]),
}


def rates(text, steps, total=100, peak=1.0):
    schedule = make_schedule(text, peak, total)
    if isinstance(schedule, float):
        return [schedule for _ in steps]
    return [float(schedule(step)) for step in steps]


def test_every_schedule_has_a_case():
    assert set(SCHEDULE_CASES) == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name):
    text, expected = SCHEDULE_CASES[name]
    found = rates(text, [0, 25, 50, 75, 100])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", SCHEDULES)
def test_warm_up_rises_linearly_and_then_starts_the_schedule(name):
    # 3 steps of warm-up: 1/4, 2/4, 3/4, and then the peak
    found = rates(f"{name}(warmup_steps=3)", [0, 1, 2, 3], peak=2.0)
    np.testing.assert_allclose(found, [0.5, 1.0, 1.5, 2.0], rtol=1e-6)


def test_cosine_ends_at_alpha():
    assert rates("cosine(alpha=0.1)", [100, 200]) == pytest.approx([0.1] * 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cosine(warmup_steps=100)", "below the 100 steps"),
        ("cosine(warmup_steps=-1)", "'warmup_steps' must be at least 0"),
        ("cosine(alpha=2)", "'alpha' must be from 0 to 1"),
        ("exponential(end=0)", "'end' must be from 1e-12 to 1"),
        ("piecewise(at=[1.5])", "'at' must be from 0 to 1"),
        ("cosin", 'did you mean "cosine"'),
    ],
)
def test_impossible_schedules(text, message):
    with pytest.raises(UserError, match=message):
        rates(text, [])
