"""Schedules against numbers worked by hand; optimizers as they are set."""

import keras
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.registry import lookup
from keras_ptft.training.optimizers.optimizers import (
    OPTIMIZERS,
    SCHEDULES,
    make_optimizer,
)

# schedule → learning rates at the steps 0, 25, 50, 75, 100 of 100, peak 1
SCHEDULE_CASES = {
    "constant": ("constant", [1, 1, 1, 1, 1]),
    "cosine": ("cosine", [1, 0.5 + 0.5 * 2**-0.5, 0.5, 0.1464466, 0]),
    "exponential": ("exponential(end=0.0001)", [1, 0.1, 0.01, 0.001, 0.0001]),
    "piecewise": ("piecewise(at=[0.5, 0.7])", [1, 1, 0.1, 0.01, 0.01]),
}


def rates(text, steps, total=100, peak=1.0):
    schedule = lookup(SCHEDULES, text, "schedule")(peak, total)
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


def make(text, **settings):
    settings = {"learning_rate": 0.1, "total_steps": 10} | settings
    return make_optimizer(text, "constant", **settings)


OPTIMIZER_CASES = {
    "sgd": ("sgd(momentum=0.9, nesterov=True)", keras.optimizers.SGD),
    "adam": ("adam(beta_1=0.8, epsilon=1e-5)", keras.optimizers.Adam),
    "adamw": ("adamw(weight_decay=0.1)", keras.optimizers.AdamW),
}


def test_every_optimizer_has_a_case():
    assert set(OPTIMIZER_CASES) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name):
    text, kind = OPTIMIZER_CASES[name]
    optimizer = make(text, clip_norm=2.0)
    assert isinstance(optimizer, kind)
    assert optimizer.global_clipnorm == 2.0
    settings = lookup(OPTIMIZERS, text, "optimizer").kwargs
    for setting, value in settings.items():
        assert getattr(optimizer, setting) == value


def test_clipping_scales_to_the_global_norm():
    optimizer = make("sgd", clip_norm=1.0)
    weights = [keras.Variable([0.0]), keras.Variable([0.0])]
    gradients = [np.array([3.0], "float32"), np.array([4.0], "float32")]
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    # the norm is 5, so the gradients become 0.6 and 0.8
    found = [float(weight.numpy()[0]) for weight in weights]
    assert found == pytest.approx([-0.06, -0.08], rel=1e-5)


def test_adamw_does_not_decay_biases():
    optimizer = make("adamw(weight_decay=0.5)", learning_rate=0.1)
    kernel = keras.Variable([1.0], name="kernel")
    bias = keras.Variable([1.0], name="bias")
    zero = np.zeros(1, "float32")
    optimizer.apply_gradients([(zero, kernel), (zero, bias)])
    assert float(kernel.numpy()[0]) == pytest.approx(1 - 0.1 * 0.5)
    assert float(bias.numpy()[0]) == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sgd(momentum=1.5)", "'momentum' must be from 0 to 1"),
        ("adam(beta_1=-1)", "'beta_1' must be from 0 to 1"),
        ("adamw(weight_decay=-1)", "'weight_decay' must be at least 0"),
        ("adm", 'did you mean "adam"'),
        ("sgd(momentun=0.9)", 'did you mean "momentum"'),
    ],
)
def test_impossible_optimizers(text, message):
    with pytest.raises(UserError, match=message):
        make(text)
