"""A learning rate of its own for each variable, whatever the optimizer."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.optimizers import (
    OPTIMIZERS,
    make_optimizer,
    scale_learning_rates,
)
from keras_ptft.training.optimizers.schedules import SCHEDULES

# what has decoupled weight decay or several ways to update
SPECS = [*OPTIMIZERS, "sgd(momentum=0.9)", "adamw(weight_decay=0.5)"]


def after(optimizer, factors=(), steps=5, strategy=None):
    """Two variables after steps with random gradients, of all replicas."""
    strategy = strategy or tf.distribute.get_strategy()
    random = np.random.default_rng(0).normal(size=(steps, 2, 3))
    with strategy.scope():
        variables = [
            keras.Variable(np.full((2, 3), value, np.float32), name="kernel")
            for value in (1.0, 2.0)
        ]
        optimizer.build(variables)
        if factors:
            scale_learning_rates(optimizer, variables, factors)

    def replica_step(gradient):
        share = gradient / strategy.num_replicas_in_sync
        share = optimizer.scale_loss(share)
        optimizer.apply([share, share], variables)

    @partial(tf.function, autograph=False)
    def step(gradient):
        strategy.run(replica_step, args=(gradient,))

    for gradient in random:
        step(tf.constant(gradient, tf.float32))
    return [variable.numpy() for variable in variables]


def make(text, learning_rate=0.1, schedule="constant", **settings):
    return make_optimizer(
        text, schedule, learning_rate=learning_rate, total_steps=10, **settings
    )


def test_steps_by_hand():
    one, two = after(make("sgd"), [1.0, 0.25], steps=1)
    gradient = np.random.default_rng(0).normal(size=(1, 2, 3))[0]
    np.testing.assert_allclose(one, 1 - 0.1 * gradient, rtol=1e-6)
    np.testing.assert_allclose(two, 2 - 0.025 * gradient, rtol=1e-6)


def test_weight_decay_by_hand():
    optimizer = make("adamw(weight_decay=0.5)")
    with_decay = after(optimizer, [1.0, 0.25], steps=1)
    without = after(make("adamw(weight_decay=0)"), [1.0, 0.25], steps=1)
    # rate · decay · weight
    expected = 0.1 * 0.5 * 1.0, 0.025 * 0.5 * 2.0
    for one, other, lost in zip(with_decay, without, expected, strict=True):
        np.testing.assert_allclose(other - one, lost, atol=1e-6)


@pytest.mark.parametrize("spec", SPECS)
def test_factors_of_1_change_no_bit(spec):
    expected, found = after(make(spec)), after(make(spec), [1.0, 1.0])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("spec", SPECS)
def test_each_is_as_with_a_learning_rate_of_its_own(spec):
    one, two = after(make(spec), [0.5, 0.25])
    assert np.array_equal(one, after(make(spec, 0.05))[0])
    assert np.array_equal(two, after(make(spec, 0.025))[1])


@pytest.mark.parametrize("schedule", sorted(set(SCHEDULES) - {"constant"}))
def test_schedules_are_scaled(schedule):
    one, two = after(make("adam", schedule=schedule), [0.5, 0.25])
    halved = make("adam", 0.05, schedule)
    quartered = make("adam", 0.025, schedule)
    np.testing.assert_allclose(one, after(halved)[0], rtol=1e-6)
    np.testing.assert_allclose(two, after(quartered)[1], rtol=1e-6)


@pytest.mark.parametrize("spec", ["sgd(momentum=0.9)", "adamw", "muon"])
def test_two_replicas(spec):
    strategy = get_strategy("mirrored")
    expected = after(make(spec), [0.5, 0.25])
    with strategy.scope():
        optimizer = make(spec)
    found = after(optimizer, [0.5, 0.25], strategy=strategy)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_where_the_loss_is_scaled():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        optimizer = make("adamw(weight_decay=0.5)")
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    found = after(optimizer, [0.5, 0.25])
    expected = after(make("adamw(weight_decay=0.5)"), [0.5, 0.25])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
