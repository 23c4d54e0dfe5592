"""Learning rates are tried on the digits, and nothing of it stays."""

import math
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.training.fit import FitConfig, training_batches
from keras_ptft.training.range_test import (
    RATES,
    descent,
    range_test,
    smoothed,
    suggested_rate,
)
from tests.training.small import STATEFUL_CNN, Labels, values_of


def tried(model, splits):
    batches = partial(
        training_batches, splits["train"], model.objective, FitConfig()
    )
    return range_test(model, batches)


def test_weights_statistics_and_seeds_stay(make_model, splits):
    model = make_model(STATEFUL_CNN, steps_per_execution=1)
    before = values_of(model)
    seen = tried(model, splits)
    assert len(seen.rates) > 40
    for value, other in zip(before, values_of(model), strict=True):
        np.testing.assert_array_equal(value, other)


def test_losses_are_those_of_a_plain_loop(make_model, splits):
    model = make_model(optimizer="sgd", steps_per_execution=1)
    seen = tried(model, splits)
    batches = iter(
        training_batches(splits["train"], model.objective, FitConfig())
    )
    for rate, loss in zip(seen.rates, seen.losses, strict=True):
        images, labels, _ = next(batches)
        with tf.GradientTape() as tape:
            outputs = model.model(images)
            expected = tf.reduce_mean(model.objective.loss(labels, outputs))
        variables = [v.value for v in model.model.trainable_variables]
        gradients = tape.gradient(expected, variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(rate * gradient)
        # what rounds differently grows as the training diverges
        assert math.isclose(loss, expected, rel_tol=1e-3)


def test_it_ends_where_the_training_diverges(make_model, splits):
    model = make_model(linear, optimizer="adam", steps_per_execution=1)
    seen = tried(model, splits)
    assert seen.rates == pytest.approx(RATES[: len(seen.rates)])
    assert len(seen.rates) < len(RATES)
    assert seen.smoothed[-1] > 3 * min(seen.smoothed)
    lowest = seen.smoothed.index(min(seen.smoothed))
    assert max(seen.smoothed[lowest:-1]) <= 3 * min(seen.smoothed)
    assert 1e-3 < seen.found < 1.0


def linear():
    """Its loss has no bound, where ReLUs may all end at 0."""
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 16)(inputs))
    return keras.Model(inputs, keras.layers.Dense(10)(x))


@pytest.mark.slow
def test_two_replicas_see_the_same(make_model, splits):
    one, two = (
        tried(make_model(replicas=name, steps_per_execution=1), splits)
        for name in ("one_device", "mirrored")
    )
    assert one.found == two.found
    np.testing.assert_allclose(one.losses[:40], two.losses[:40], rtol=1e-5)


class Explosive(Labels):
    """Has a finite loss at most once."""

    def loss(self, targets, outputs):
        return super().loss(targets, outputs) / 0.0


def test_a_loss_that_is_never_finite(make_model, splits):
    model = make_model(trainable=Explosive(), steps_per_execution=1)
    with pytest.raises(UserError, match="it fell at no learning rate from"):
        tried(model, splits)


@pytest.mark.parametrize("losses", [[1.0, 1.0, 1.0], [1.0, 0.995, 2.0], [1.0]])
def test_losses_that_do_not_fall(losses):
    with pytest.raises(UserError) as caught:
        suggested_rate([0.1, 0.2, 0.4][: len(losses)], losses)
    assert str(caught.value) == (
        "--learning_rate=find needs a loss that falls, and it fell at no "
        "learning rate from 1e-06 to 10: set a number, as "
        "--learning_rate=0.001."
    )


def test_three_quarters_of_the_longest_descent():
    rates = [10.0**power for power in range(-8, 2)]
    # it falls from the third to the ninth, whatever is in between
    losses = [1.0, 2.0, 3.0, 2.9, 2.5, 2.7, 2.0, 1.0, 0.5, 9.0]
    assert descent(losses) == [2, 3, 4, 6, 7, 8]
    assert suggested_rate(rates, losses) == rates[6]


def test_the_mean_has_no_bias_to_the_first():
    # 0.8 · 0.2 · 5 + 0.2 · 2 = 1.2, over 1 - 0.8²
    assert smoothed([5.0, 2.0]) == pytest.approx([5.0, 1.2 / 0.36])
    assert smoothed([3.0] * 50) == pytest.approx([3.0] * 50)
