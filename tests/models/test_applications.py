"""Models of keras.applications compute what Keras's own do."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models import heads
from keras_ptft.models.applications import (
    APPLICATIONS,
    applications,
    full_name,
    scaling,
)
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.precision import rebuilt
from keras_ptft.models.saved import load_model
from keras_ptft.transfer.cut import cut_points, split

SIDE = 80

# of all families: parameters, number of cut points, some of them
QUICK = {
    "VGG16": (14_714_688, 21, "block1_pool block4_conv3 block5_pool"),
}
SLOW = {
    "MobileNetV3Small": (939_120, 61, "conv activation conv_1"),
    "VGG19": (20_024_384, 24, "block1_pool block5_conv4"),
    "MobileNet": (3_228_864, 88, "conv1_relu conv_pw_6_relu conv_pw_13"),
    "MobileNetV2": (2_257_984, 76, "Conv1_relu block_2_add block_16_project"),
    "MobileNetV3Large": (2_996_352, 67, "conv activation conv_1"),
    "ResNet50": (23_587_712, 41, "conv2_block3_out conv5_block1_out"),
    "ResNet50V2": (23_564_800, 33, "conv4_block6_out post_relu"),
    "DenseNet121": (7_037_504, 81, "conv2_block6_concat pool4_pool bn"),
    "InceptionV3": (21_802_784, 31, "activation mixed0 mixed10"),
    "InceptionResNetV2": (54_336_736, 105, "mixed_5b block35_10_ac conv_7b"),
    "Xception": (20_861_480, 27, "block1_conv2_act add add_10"),
    "EfficientNetB0": (4_049_564, 85, "stem_conv block5b_add top_conv"),
    "EfficientNetV2B0": (5_919_312, 66, "stem_conv block6c_add top_bn"),
    "ConvNeXtTiny": (
        27_820_128,
        13,
        "convnext_tiny_stem_conv convnext_tiny_downsampling_layernorm_2",
    ),
    "NASNetMobile": (4_269_716, 7, "stem_bn1 normal_concat_12"),
}
FAMILIES = [
    *QUICK,
    *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
]


def build(name, side=SIDE, channels=3, **settings):
    spec = tf.TensorSpec((side, side, channels), tf.uint8, "image")
    return applications(BackboneInput(spec), name, **settings)


def pixels(channels=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2, SIDE, SIDE, channels), np.uint8)


def preprocess_input(name):
    return inspect.getmodule(APPLICATIONS[name]).preprocess_input


def stir(model):
    """Random scales, by which values neither vanish nor explode."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.path.endswith("gamma"):
            weight.assign(rng.uniform(1, 2, weight.shape))


@pytest.mark.parametrize("name", FAMILIES)
def test_features_are_those_of_keras(name, tmp_path):
    parameters, count, points = (QUICK | SLOW)[name]
    backbone = build(name)
    assert backbone.count_params() == parameters
    found = cut_points(backbone)
    assert len(found) == count and not set(points.split()) - set(found)
    assert found[0] == "normalization" and found[-1] == "features"
    assert not any(isinstance(x, keras.Model) for x in backbone.layers)

    stir(backbone)
    theirs = APPLICATIONS[name](
        include_top=False,
        weights=None,
        input_shape=(SIDE, SIDE, 3),
        pooling="avg",
    )
    values = iter(backbone.get_weights())
    for layer in theirs.layers:
        # that of pixels is a part of our configuration
        if not isinstance(layer, keras.layers.Normalization):
            layer.set_weights([next(values) for _ in layer.weights])
    images = pixels()
    expected = theirs(preprocess_input(name)(images.astype("float32")))
    features = backbone(images, training=False).numpy()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(features / scale, expected / scale, atol=1e-5)

    backbone.save(tmp_path / "backbone.keras")
    loaded = load_model(tmp_path / "backbone.keras")
    np.testing.assert_array_equal(loaded(images, training=False), features)
    # in a graph weights are free
    with tf.Graph().as_default():
        again = rebuilt(loaded, "float32")
    names = [layer.name for layer in backbone.layers]
    assert [layer.name for layer in again.layers] == names


@pytest.mark.parametrize("name", APPLICATIONS)
def test_pixels_are_scaled_as_preprocess_input_does(name):
    (mean, variance), is_reversed = scaling(name)
    images = pixels().astype("float32")
    scaled = (images - mean) / np.sqrt(variance)
    scaled = scaled[..., ::-1] if is_reversed else scaled
    expected = preprocess_input(name)(images)
    np.testing.assert_allclose(scaled, expected, atol=1e-5)


def test_the_three_ways_of_scaling():
    moments, is_reversed = scaling("ResNet50")
    np.testing.assert_allclose(moments[0], [123.68, 116.779, 103.939])
    np.testing.assert_allclose(moments[1], 1)
    assert is_reversed

    moments, is_reversed = scaling("DenseNet121")
    std = 255 * np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(moments[0], [123.675, 116.28, 103.53])
    np.testing.assert_allclose(moments[1], std**2)
    assert not is_reversed

    moments, _ = scaling("Xception")
    np.testing.assert_allclose(moments, [[127.5] * 3, [127.5**2] * 3])
    moments, _ = scaling("ConvNeXtTiny")
    np.testing.assert_allclose(moments, [[0] * 3, [1] * 3])


def test_grey_is_colour_with_equal_channels():
    grey, color = build("VGG16", channels=1), build("VGG16")
    color.set_weights(grey.get_weights())
    images = pixels(channels=1)
    np.testing.assert_array_equal(
        grey(images), color(images.repeat(3, axis=-1))
    )


def test_pools():
    highest, mean = build("VGG16", pool="max"), build("VGG16")
    highest.set_weights(mean.get_weights())
    maps = keras.Model(mean.input, mean.get_layer("block5_pool").output)
    images = pixels()
    maps = maps(images).numpy()
    np.testing.assert_allclose(mean(images), maps.mean((1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(highest(images), maps.max((1, 2)))


def test_names_do_not_depend_on_what_was_built_before():
    assert keras.layers.ReLU().name != keras.layers.ReLU().name
    backbone = build("MobileNetV3Small", side=32)
    names = [operation.name for operation in backbone.operations]
    assert {"rescaling", "re_lu", "re_lu_1", "activation"} <= set(names)
    assert names.index("re_lu") < names.index("re_lu_1")
    assert "operation1" in names


def test_frozen_up_to_a_block_the_rest_is_trained():
    backbone = build("VGG16", side=32)
    logits = heads.classify(backbone.output, 4)
    model = keras.Model(backbone.input, logits)
    _, suffix = split(model, backbone, "block5_conv2")
    names = "block5_conv2", "block5_conv3"
    before = [backbone.get_layer(n).kernel.numpy() for n in names]

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    suffix.compile("sgd", loss)
    inputs = np.random.default_rng(0).normal(size=(4, *suffix.input_shape[1:]))
    assert np.isfinite(suffix.train_on_batch(inputs, np.arange(4)))
    frozen, trained = (backbone.get_layer(n).kernel.numpy() for n in names)
    np.testing.assert_array_equal(frozen, before[0])
    assert (trained != before[1]).any()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("MobileNetV2", "MobileNetV2"),
        ("mobilenet_v2", "MobileNetV2"),
        ("resnet-50", "ResNet50"),
        ("efficientnetv2b0", "EfficientNetV2B0"),
        ("convnext_tiny", "ConvNeXtTiny"),
    ],
)
def test_names_in_any_case(written, name):
    assert full_name(written) == name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "mobilenet_v4"}, r"no model 'mobilenet_v4' \(did you mean "),
        ({"name": "bert"}, "no model 'bert'; there are: ConvNeXtBase, "),
        ({"name": "VGG16", "pool": "sum"}, "'pool' must be avg or max, got"),
        ({"name": "VGG16", "channels": 4}, r"got uint8 \(80, 80, 4\): use an"),
        (
            {"name": "InceptionV3", "side": 74},
            "InceptionV3 cannot be built for images of 74×74 pixels: Input "
            "size must be at least 75x75: change --image_size.",
        ),
    ],
)
def test_what_cannot_be_built(settings, message):
    with pytest.raises(UserError, match=message) as caught:
        build(**settings)
    assert "\n" not in str(caught.value)


def test_only_raw_pixels_are_taken():
    spec = tf.TensorSpec((80, 80, 3), tf.float32, "image")
    with pytest.raises(UserError, match=r"needs uint8 images .* got float32"):
        applications(BackboneInput(spec), "VGG16")
