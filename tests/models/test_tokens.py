"""Vectors of tokens, their masks and pools, by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.models import tokens

# two real rows and padding; none at all
ROWS = np.array([[[1, -4], [3, -2], [0, 0]], [[0, 0]] * 3], np.float32)
MASK = np.array([[[1], [1], [0]], [[0], [0], [0]]], np.float32)


def test_what_is_real_is_seen_in_the_rows():
    np.testing.assert_array_equal(tokens.real(ROWS), MASK)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("mean", [2, -3]), ("max", [3, -2]), ("last", [3, -2])],
)
def test_pools_of_real_rows(kind, expected):
    found = tokens.pool(tf.constant(ROWS), tf.constant(MASK), kind)
    np.testing.assert_array_equal(found, [expected, [0, 0]])


def test_a_mean_in_half_precision_is_summed_in_float32():
    ones = tf.ones((1, 70_000, 1), tf.float16)
    found = tokens.pool(ones, tokens.real(ones), "mean")
    assert float(found[0, 0]) == 1.0


def test_texts_backwards():
    order = tokens.backwards(tf.constant(MASK))
    # the rows of both texts are numbered in turn
    assert order.numpy().tolist() == [[1, 0, 2], [3, 4, 5]]
    turned = tokens.reorder(tf.constant(ROWS), order)
    assert turned[0].numpy().tolist() == [[3, -2], [1, -4], [0, 0]]
    np.testing.assert_array_equal(tokens.reorder(turned, order), ROWS)


def test_a_token_of_several_ids_is_their_mean():
    ids = keras.Input((None, 3), dtype="int32")
    model = keras.Model(ids, tokens.embed(ids, 4, 2))
    table = np.array([[9, 9], [1, 0], [3, 4], [5, 8]], np.float32)
    model.get_layer("embedding_table").set_weights([table])
    found = model(np.array([[[1, 2, 0], [3, 0, 0], [0, 0, 0]]]))
    assert found[0].numpy().tolist() == [[2, 2], [5, 8], [0, 0]]
