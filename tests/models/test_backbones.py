"""Parameter counts, cut points and limits of backbones for numbers.

Those for texts are in test_text_backbones.py.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES, heads
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.registry import lookup
from keras_ptft.transfer.cut import cut_points

# row → (input shape, parameters with a head of 10 classes, cut points)
CASES = {
    "mlp": ((28, 28, 1), 109_386, "flatten dense1_dense dense1"),
    "mlp_small": ((28, 28, 1), 84_060, "flatten dense1_dense dense1"),
    "cnn": (
        (28, 28, 1),
        93_322,
        "conv1_conv conv1 pool1 conv2_conv conv2 pool2 conv3_conv conv3 "
        "flatten",
    ),
    "cnn_single": (
        (224, 224, 3),
        896 + 111 * 111 * 32 * 128 + 128 + 1290,
        "conv1_conv conv1 pool1 flatten",
    ),
    "cnn_5x5": (
        (32, 32, 3),
        2432 + 8 * 8 * 32 * 128 + 128 + 1290,
        "conv1_conv conv1 pool1 flatten",
    ),
}


# rows that read texts, or texts too
TEXT = {"embedding", "rnn", "textcnn", "transformer"}


def build(spec, shape, dtype=tf.uint8):
    row = lookup(BACKBONES, spec, "backbone")
    return row(BackboneInput(tf.TensorSpec(shape, dtype, "image")))


def test_every_row_has_a_case():
    assert set(CASES) | TEXT == set(BACKBONES)


@pytest.mark.parametrize("name", CASES)
def test_parameters_and_cut_points(name):
    shape, parameters, points = CASES[name]
    backbone = build(name, shape)
    model = keras.Model(backbone.input, heads.classify(backbone.output, 10))

    trainable = sum(np.prod(w.shape) for w in model.trainable_variables)
    assert model.count_params() == trainable == parameters
    ends = ["features_dense", "features"]
    expected = ["normalization", *points.split(), *ends]
    assert cut_points(backbone) == expected


@pytest.mark.parametrize("name", CASES)
def test_raw_pixels_go_in_and_features_come_out(name):
    shape = CASES[name][0]
    backbone = build(name, shape)
    assert backbone.name == "backbone"
    assert backbone.inputs[0].name == "image"
    assert backbone.inputs[0].dtype == "uint8"

    images = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    features = backbone(images, training=False)
    assert features.shape == (2, backbone.output_shape[-1])
    assert np.isfinite(features).all() and (features.numpy() >= 0).all()


def test_normalization_is_inside_the_model():
    spec = tf.TensorSpec((2,), tf.float32, "vector")
    row = lookup(BACKBONES, "mlp(hidden=[3])", "backbone")
    scaling = np.array([1.0, 2.0]), np.array([4.0, 9.0])
    backbone = row(BackboneInput(spec, scaling))
    scaled = keras.Model(
        backbone.input, backbone.get_layer("normalization").output
    )
    values = scaled(np.array([[5.0, -1.0]], np.float32))
    np.testing.assert_allclose(values, [[2.0, -1.0]], rtol=1e-6)


def test_settings_reach_the_layers():
    backbone = build(
        "cnn(filters=[4, 8], kernel=5, pool=[1, 3], dense=7, dropout=0.5, "
        "batch_norm=True, l2=0.01)",
        (28, 28, 1),
    )
    assert backbone.get_layer("conv1_conv").kernel.shape == (5, 5, 1, 4)
    assert backbone.get_layer("conv1_conv").bias is None
    assert backbone.get_layer("conv2_bn").synchronized
    assert backbone.get_layer("dropout2").rate == 0.5
    assert backbone.output_shape == (None, 7)
    names = [layer.name for layer in backbone.layers]
    assert "pool1" not in names and "pool2" in names
    assert len(backbone.losses) == 3


def test_l2_is_the_sum_of_squares():
    backbone = build("mlp(hidden=[2], l2=0.5)", (1, 1, 1))
    backbone.get_layer("features_dense").set_weights(
        [np.array([[1.0, 2.0]]), np.zeros(2)]
    )
    assert float(backbone.losses[0]) == pytest.approx(0.5 * (1 + 4))


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        ("cnn", (8, 8, 1), "8×8 pixels shrink below 1 pixel at conv2"),
        ("cnn", (10,), r"needs images .* got \(10,\): use another --backbone"),
        ("cnn(filters=[], pool=[])", (28, 28, 1), "'filters'"),
        ("cnn(pool=[2])", (28, 28, 1), "the same length, got 3 and 1"),
        ("cnn(kernel=0)", (28, 28, 1), "'kernel' must be at least 1"),
        ("cnn(filters=[8, 0, 8])", (28, 28, 1), "'filters' must be at least"),
        ("cnn(dropout=1.5)", (28, 28, 1), "'dropout' must be from 0 to"),
        ("cnn(padding='full')", (28, 28, 1), "'padding' must be valid or"),
        ("cnn(l2=-1.0)", (28, 28, 1), "'l2' must be at least 0"),
        ("mlp(hidden=[])", (28, 28, 1), "'hidden' must name a layer"),
        ("mlp(hidden=[0])", (28, 28, 1), "'hidden' must be at least 1"),
        ("mlp(dropout=-0.1)", (28, 28, 1), "'dropout' must be from 0 to"),
        ("cnn(dropuot=0.1)", (28, 28, 1), 'did you mean "dropout"'),
        ("cnn(filters=3)", (28, 28, 1), "must be a list of int, got 3"),
    ],
)
def test_impossible_settings(spec, shape, message):
    with pytest.raises(UserError, match=message):
        build(spec, shape)
