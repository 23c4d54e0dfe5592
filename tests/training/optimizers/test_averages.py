"""Averages of weights, of which some are trained later than others."""

import keras
import pytest
import tensorflow as tf

from keras_ptft.training.optimizers.averages import averages_of, start_averages


def make(**settings):
    """SGD, built with two variables of 1 and 2."""
    variables = [keras.Variable(1.0), keras.Variable(2.0)]
    optimizer = keras.optimizers.SGD(1.0, **settings)
    optimizer.build(variables)
    return optimizer, variables


def test_an_average_starts_at_its_variable():
    optimizer, (early, late) = make(use_ema=True, ema_momentum=0.75)
    start_averages(optimizer, [early, late])
    optimizer.apply([tf.constant(-4.0)], [early])
    optimizer.apply([tf.constant(-4.0)], [early])
    # 5 in the first step, by which Keras begins; then 0.75 · 5 + 0.25 · 9
    assert float(averages_of(optimizer, [early])[0]) == 6.0
    # as if it had been 2 all the time, which it was
    assert float(averages_of(optimizer, [late])[0]) == 2.0
    optimizer.apply([tf.constant(-4.0)], [late])
    assert float(averages_of(optimizer, [late])[0]) == 0.75 * 2 + 0.25 * 6


@pytest.mark.parametrize("scaled", [False, True])
def test_they_come_in_the_order_of_the_variables(scaled):
    optimizer, variables = make(use_ema=True, ema_momentum=0.75)
    start_averages(optimizer, variables)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    found = averages_of(optimizer, variables[::-1])
    assert [float(average) for average in found] == [2.0, 1.0]


def test_without_averages_there_is_nothing_to_start():
    optimizer, variables = make()
    start_averages(optimizer, variables)
    assert averages_of(optimizer, variables) == []
