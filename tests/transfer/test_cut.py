"""A model cut in two is the same model."""

import keras
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.transfer.cut import cut_points, split

DROPOUT = "cnn(filters=[4, 6], dense=5, dropout=0.2)"
POINTS = "normalization conv1_conv conv1 pool1 dropout1 conv2_conv conv2 "
POINTS += "dropout2 flatten features_dense features"


def test_cut_points_in_order(make_backbone):
    assert cut_points(make_backbone(DROPOUT)) == POINTS.split()


@pytest.mark.parametrize("freeze", ["all", *POINTS.split()])
def test_prefix_and_suffix_are_the_model(make_model, freeze):
    model, backbone = make_model(DROPOUT)
    prefix, suffix = split(model, backbone, freeze)
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    whole = model(images, training=False)
    np.testing.assert_array_equal(suffix(prefix(images)), whole)

    assert not prefix.trainable_variables
    trained = {v.path for v in suffix.trainable_variables}
    assert trained == {v.path for v in model.trainable_variables}
    suffix.get_layer("logits").bias.assign(np.ones(10))
    assert np.abs(model(images) - whole).max() == pytest.approx(1, abs=1e-5)


def test_freezing_nothing(make_model):
    model, backbone = make_model()
    assert split(model, backbone, "none") == (None, model)
    assert len(model.trainable_variables) == 8


@pytest.mark.parametrize(
    ("freeze", "end", "trained"),
    [
        # pooling has no weights and makes the features smaller
        ("conv1", (None, 3, 3, 4), 6),
        ("conv2", (None, 6), 4),
        ("features_dense", (None, 5), 2),
        ("all", (None, 5), 2),
    ],
)
def test_the_cut_moves_past_layers_without_weights(
    make_model, freeze, end, trained
):
    model, backbone = make_model()
    prefix, suffix = split(model, backbone, freeze)
    assert prefix.output_shape == end
    assert len(suffix.trainable_variables) == trained


def test_the_cut_stops_before_dropout(make_model):
    model, backbone = make_model(DROPOUT)
    prefix, suffix = split(model, backbone, "conv1")
    assert prefix.layers[-1].name == "pool1"
    assert suffix.layers[1].name == "dropout1"


def test_a_bypassed_layer_is_no_cut_point():
    inputs = keras.Input((4,), name="vector")
    first = keras.layers.Dense(4, name="first")(inputs)
    branch = keras.layers.Dense(4, name="branch")(first)
    added = keras.layers.Add(name="added")([first, branch])
    backbone = keras.Model(inputs, added)
    assert cut_points(backbone) == ["first", "added"]
    logits = keras.layers.Dense(2, name="logits")(added)
    with pytest.raises(UserError, match="points are: all, none, first, added"):
        split(keras.Model(inputs, logits), backbone, "branch")


def test_an_unknown_cut_point_suggests_the_nearest(make_model):
    with pytest.raises(UserError, match='did you mean "conv1"'):
        split(*make_model(), "conv_1")
