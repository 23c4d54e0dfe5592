"""Clipping does not depend on the number of replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.optimizers import make_optimizer


def after_a_step(strategy, parts, clip_norm):
    """A weight of two numbers after a step, beside one without gradients.

    Args:
        strategy: as of `get_strategy`.
        parts: the gradient of each replica.
    """
    strategy = get_strategy(strategy)
    with strategy.scope():
        weights = [keras.Variable([0.0, 0.0]), keras.Variable(1.0)]
        optimizer = make_optimizer(
            "sgd",
            "constant",
            learning_rate=1.0,
            total_steps=1,
            clip_norm=clip_norm,
        )
        optimizer.build(weights)

    def step():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        gradient = tf.gather(tf.constant(parts), replica)
        optimizer.apply([gradient, None], weights)

    with pytest.warns(UserWarning, match="Gradients do not exist"):
        # AutoGraph, which training does without, warns on Python 3.13
        tf.function(strategy.run, autograph=False)(step)
    return weights[0].numpy()


@pytest.mark.parametrize(
    ("clip_norm", "expected"),
    [
        # the sum is (3, 4), whose norm is 5
        (1.0, [-0.6, -0.8]),
        # each part is shorter than this
        (4.5, [-2.7, -3.6]),
        (6.0, [-3.0, -4.0]),
        (0.0, [-3.0, -4.0]),
    ],
)
def test_the_sum_over_replicas_is_clipped(clip_norm, expected):
    two = after_a_step("mirrored", [[3.0, 0.0], [0.0, 4.0]], clip_norm)
    one = after_a_step("one_device", [[3.0, 4.0]], clip_norm)
    np.testing.assert_allclose(two, expected, rtol=1e-6)
    np.testing.assert_allclose(one, expected, rtol=1e-6)
