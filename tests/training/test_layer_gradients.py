"""Norms of the gradients of single layers."""

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.training.layer_gradients import Part


def test_a_norm_is_not_less_than_it_is_where_positions_cancel_out():
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.normal(0, 1e3, (50, 1, 32)), 2, axis=1)
    rows[:, 1] += rng.normal(0, 0.1, (50, 32))
    passed = np.repeat(rng.normal(0, 1, (50, 1, 32)), 2, axis=1)
    passed[:, 1] *= -1
    kernel = keras.Variable(np.zeros((32, 32)), dtype="float32")
    given = (tf.constant(each, tf.float32) for each in (rows, passed))
    found = Part(*given, kernel, None).squares().numpy()
    wide = (each.astype("f4").astype("f8") for each in (rows, passed))
    whole = np.einsum("npi,npo->nio", *wide)
    assert (found >= 0.999 * np.square(whole).sum(axis=(1, 2))).all()
