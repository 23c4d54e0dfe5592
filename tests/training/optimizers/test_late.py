"""Variables that begin later are trained as if they were alone."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.optimizers import OPTIMIZERS, make_optimizer
from keras_ptft.training.optimizers.averages import (
    averages_of,
    start_averages,
)
from keras_ptft.training.optimizers.late import start_late

SPECS = [*OPTIMIZERS, "schedule_free_adamw(warmup_steps=3)"]
BEFORE, AFTER = 30, 5


def make(text):
    return make_optimizer(text, "constant", learning_rate=0.1, total_steps=99)


def late(make_it, strategy=None):
    """A variable and its average, where another begins 30 steps before."""
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        optimizer = make_it()
        variables = [
            keras.Variable(np.ones((2, 3), np.float32), name="kernel")
            for _ in range(2)
        ]
        optimizer.build(variables)
        start_averages(optimizer, variables)
        start_late(optimizer, variables, [0, BEFORE])
    train(optimizer, variables[:1], BEFORE, strategy)
    train(optimizer, variables, AFTER, strategy)
    return values(optimizer, variables[1])


def alone(make_it):
    """The same variable with an optimizer of its own."""
    optimizer = make_it()
    variable = keras.Variable(np.ones((2, 3), np.float32), name="kernel")
    optimizer.build([variable])
    start_averages(optimizer, [variable])
    train(optimizer, [variable], AFTER)
    return values(optimizer, variable)


def train(optimizer, variables, steps, strategy=None):
    strategy = strategy or tf.distribute.get_strategy()

    def replica_step(gradient):
        share = gradient / strategy.num_replicas_in_sync
        share = optimizer.scale_loss(share)
        optimizer.apply([share] * len(variables), variables)

    @partial(tf.function, autograph=False)
    def step(gradient):
        strategy.run(replica_step, args=(gradient,))

    for gradient in np.random.default_rng(0).normal(size=(steps, 2, 3)):
        step(tf.constant(gradient, tf.float32))


def values(optimizer, variable):
    both = [variable, *averages_of(optimizer, [variable])]
    return [v.numpy() for v in both]


@pytest.mark.parametrize("spec", SPECS)
def test_it_is_as_with_an_optimizer_of_its_own(spec):
    found, expected = late(partial(make, spec)), alone(partial(make, spec))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("spec", ["adam", "schedule_free_adamw"])
def test_two_replicas(spec):
    found = late(partial(make, spec), get_strategy("mirrored"))
    for one, other in zip(found, alone(partial(make, spec)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_after_losses_that_overflowed():
    """Then the optimizer has done fewer updates than the training steps."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        optimizer = make("adam")
    finally:
        keras.config.set_dtype_policy("float32")
    variables = [keras.Variable(1.0, name="kernel") for _ in range(2)]
    optimizer.build(variables)
    start_late(optimizer, variables, [0, 2])
    gradients = [float("inf"), 1.0, 1.0]
    for gradient, moved in zip(gradients, (1, 1, 2), strict=True):
        scaled = optimizer.scale_loss(tf.constant(gradient))
        optimizer.apply([scaled] * moved, variables[:moved])
    assert int(optimizer.inner_optimizer.iterations) == 2
    assert float(variables[1]) == pytest.approx(0.9)
