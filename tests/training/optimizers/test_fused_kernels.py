"""Fused updates are the same as those of Keras's own optimizers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.training.optimizers import fused_kernels

CASES = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3}),
    "adamw": ("AdamW", {"weight_decay": 0.1}),
}


def after(optimizer, gradients):
    """Two variables after steps with these gradients and their halves."""
    variables = [keras.Variable([1.0, -2.0]), keras.Variable([[3.0], [0.5]])]
    optimizer.build(variables)

    @tf.function
    def step(first, second):
        optimizer.apply([first, second], variables)

    for gradient in gradients:
        step(gradient, tf.reshape(gradient / 2, (2, 1)))
    return [variable.numpy() for variable in variables]


@pytest.mark.parametrize("case", CASES)
def test_the_same_as_keras(case):
    name, settings = CASES[case]
    settings |= {"learning_rate": 0.1}
    random = np.random.default_rng(0).normal(size=(20, 2))
    gradients = tf.unstack(tf.constant(random, tf.float32))
    found = after(getattr(fused_kernels, name)(**settings), gradients)
    expected = after(getattr(keras.optimizers, name)(**settings), gradients)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_adam_by_hand():
    # the first step is learning_rate * g / (|g| + epsilon')
    optimizer = fused_kernels.Adam(learning_rate=0.1, epsilon=1e-9)
    found = after(optimizer, [tf.constant([4.0, -8.0])])
    np.testing.assert_allclose(found[0], [0.9, -1.9], rtol=1e-6)
    np.testing.assert_allclose(found[1], [[2.9], [0.6]], rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_gradients_of_some_rows(case):
    """An embedding's gradient says nothing of most rows."""
    name, settings = CASES[case]
    settings |= {"learning_rate": 0.1}
    results = []
    for module in (fused_kernels, keras.optimizers):
        table = keras.Variable(np.ones((4, 2)), dtype="float32")
        optimizer = getattr(module, name)(**settings)
        optimizer.build([table])
        for row in (1, 3):
            values = tf.ones((1, 2))
            slices = tf.IndexedSlices(values, tf.constant([row]), (4, 2))
            optimizer.apply([slices], [table])
        results.append(table.numpy())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
    assert (results[0][1] < 1).all()
