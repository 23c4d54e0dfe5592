"""Recurrent networks step by step, over texts and over images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.rnn import rnn
from keras_ptft.transfer.cut import cut_points

TEXT = BackboneInput(
    tf.TensorSpec((None,), tf.int32, "tokens"), vocabulary_size=10
)
IMAGE = BackboneInput(
    tf.TensorSpec((28, 28, 1), tf.uint8, "image"),
    scaling=(np.zeros(1), np.full(1, 255.0**2)),
)
IDS = np.array([[5, 6, 7, 8, 0, 0]], np.int32)


def sequence_of(model):
    return keras.Model(model.input, model.get_layer("sequence").output)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(3)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_simple_cell_in_numpy(bidirectional):
    model = rnn(
        TEXT,
        cell="simple",
        units=3,
        width=2,
        bidirectional=bidirectional,
    )
    vectors = model.get_layer("embedding_table").get_weights()[0][IDS[0, :4]]
    expected = states(vectors, model.get_layer("rnn1_forward"))
    features = expected[-1]
    if bidirectional:
        layer = model.get_layer("rnn1_backward")
        back = states(vectors[::-1], layer)[::-1]
        features = np.concatenate([features, back[0]])
        expected = np.concatenate([expected, back], -1)
    found = sequence_of(model)(IDS)[0]
    np.testing.assert_allclose(found[:4], expected, atol=1e-6)
    assert not np.any(found[4:])
    np.testing.assert_allclose(model(IDS)[0], features, atol=1e-6)


def states(inputs, layer):
    """h_t = tanh(W x_t + U h_(t-1) + b), with another bias than 0."""
    kernel, recurrent, bias = layer.get_weights()
    layer.set_weights([kernel, recurrent, bias + 0.5])
    state, found = np.zeros(len(bias)), []
    for x in inputs.astype(np.float64):
        state = np.tanh(x @ kernel + state @ recurrent + bias + 0.5)
        found.append(state)
    return np.stack(found)


@pytest.mark.parametrize("cell", ["simple", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_only_both_directions_look_ahead(cell, bidirectional):
    model = rnn(TEXT, cell=cell, units=4, depth=2, bidirectional=bidirectional)
    other = IDS.copy()
    other[0, 3] = 9
    first, second = (sequence_of(model)(ids)[0, :3] for ids in (IDS, other))
    assert np.array_equal(first, second) != bidirectional


def test_an_image_is_read_row_by_row():
    model = rnn(IMAGE, units=16)
    # 4 gates of 28·16 + 16·16 + 16
    assert model.count_params() == 4 * (448 + 256 + 16)
    expected = ["normalization", "rows", "rnn1", "sequence", "features"]
    assert cut_points(model) == expected
    assert sequence_of(model).output_shape == (None, 28, 16)

    images = np.zeros((2, 28, 28, 1), np.uint8)
    images[0, 5] = 255
    states = sequence_of(model)(images)
    # only the rows below the line know of it
    differs = np.any(states[0] != states[1], axis=-1)
    assert differs.tolist() == [False] * 5 + [True] * 23


def test_black_rows_of_an_image_are_steps_too():
    model = rnn(IMAGE, units=4, bidirectional=True, pool="mean")
    layer = model.get_layer("rnn1_forward")
    kernel, recurrent, bias = layer.get_weights()
    layer.set_weights([kernel, recurrent, bias + 1.0])
    states = sequence_of(model)(np.zeros((1, 28, 28, 1), np.uint8))[0]
    assert np.all(states[:, :4])
    features = model(np.zeros((1, 28, 28, 1), np.uint8))[0]
    np.testing.assert_allclose(features, np.mean(states, axis=0), rtol=1e-5)


def test_a_table_has_no_rows_to_read():
    table = tf.TensorSpec((13,), tf.float32, "vector")
    with pytest.raises(UserError, match=r"texts or images .* got \(13,\)"):
        rnn(BackboneInput(table))
