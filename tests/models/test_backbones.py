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
from keras_ptft.models.precision import rebuilt
from keras_ptft.registry import lookup
from keras_ptft.transfer.cut import cut_points


def efficientnet_points():
    """Every layer but those that a residual goes around."""
    yield from ("stem_conv", "stem_bn", "stem")
    narrow = ("depthwise_conv", "depthwise_bn", "depthwise")
    narrow += ("project_conv", "project_bn")
    for i in range(1, 17):
        # a block of the width and the side of the block before adds to it
        if i in (1, 2, 4, 6, 9, 12, 16):
            wide = () if i == 1 else ("expand_conv", "expand_bn", "expand")
            yield from (f"block{i}_{layer}" for layer in wide + narrow)
        yield f"block{i}"
    yield from ("head_conv", "head_bn", "head")


def vgg16_points():
    for i, convolutions in enumerate((2, 2, 3, 3, 3), 1):
        yield from (f"block{i}_conv{j + 1}" for j in range(convolutions))
        yield f"block{i}_pool"
    yield "global_average_pooling2d"


# row → (input shape, parameters with a head of 10 classes, cut points)
CASES = {
    "mlp": (
        (28, 28, 1),
        109_386,
        "flatten dense1_dense dense1 features_dense",
    ),
    "mlp_small": (
        (28, 28, 1),
        84_060,
        "flatten dense1_dense dense1 features_dense",
    ),
    "cnn": (
        (28, 28, 1),
        93_322,
        "conv1_conv conv1 pool1 conv2_conv conv2 pool2 conv3_conv conv3 "
        "flatten features_dense",
    ),
    "cnn_single": (
        (224, 224, 3),
        896 + 111 * 111 * 32 * 128 + 128 + 1290,
        "conv1_conv conv1 pool1 flatten features_dense",
    ),
    "cnn_5x5": (
        (32, 32, 3),
        2432 + 8 * 8 * 32 * 128 + 128 + 1290,
        "conv1_conv conv1 pool1 flatten features_dense",
    ),
    # of the papers
    "tanh_cnn": (
        (28, 28, 1),
        26_010,
        "conv1_conv conv1 pool1 conv2_conv conv2 pool2 flatten features_dense",
    ),
    # convolutions of the first layer, of three blocks of 16 filters, and of
    # three each of 32 and 64 with a shortcut; then batch normalisation
    "resnet_small": (
        (28, 28, 1),
        144 + 13_824 + 51_200 + 204_800 + 4 * (7 * 16 + 7 * 32 + 7 * 64) + 650,
        "stem_conv stem_bn stem "
        + " ".join(f"block{i}_added block{i}" for i in range(1, 10)),
    ),
    # patches of 4 × 4 pixels, four blocks, the last scale, and the head
    "vit_small": (
        (28, 28, 1),
        17 * 128 + 4 * (12 * 128**2 + 13 * 128) + 2 * 128 + 1290,
        "patches_conv patches positions "
        + " ".join(f"block{i}_attention_added block{i}" for i in range(1, 5))
        + " norm",
    ),
    # of the paper with 1,000 classes, and the statistics
    "efficientnet_lite0": (
        (64, 64, 3),
        4_652_008 - 990 * 1281 + 42_016,
        " ".join(efficientnet_points()),
    ),
    "applications": (
        (32, 32, 3),
        14_714_688 + 5130,
        " ".join(vgg16_points()),
    ),
}
# what is to be written of rows that need a setting
SPECS = {"applications": "applications:VGG16"}
# means and variances of batch normalisation, which are not trained
STATISTICS = {
    "resnet_small": 2 * (7 * 16 + 7 * 32 + 7 * 64),
    "efficientnet_lite0": 42_016,
}
# rows whose last layer is no ReLU
SIGNED = {"tanh_cnn", "vit_small"}


# rows that read texts, or texts too
TEXT = {"bert", "embedding", "rnn", "textcnn", "transformer"}


def build(spec, shape, dtype=tf.uint8):
    row = lookup(BACKBONES, spec, "backbone")
    return row(BackboneInput(tf.TensorSpec(shape, dtype, "image")))


@pytest.fixture(scope="module", params=CASES)
def named(request):
    """A row, and its backbone, which tests leave as it is."""
    name = request.param
    return name, build(SPECS.get(name, name), CASES[name][0])


def test_every_row_has_a_case():
    assert set(CASES) | TEXT == set(BACKBONES)


def test_parameters_and_cut_points(named):
    name, backbone = named
    _, parameters, points = CASES[name]
    model = keras.Model(backbone.input, heads.classify(backbone.output, 10))

    trainable = sum(np.prod(w.shape) for w in model.trainable_variables)
    assert model.count_params() == parameters
    assert parameters - trainable == STATISTICS.get(name, 0)
    expected = ["normalization", *points.split(), "features"]
    assert cut_points(backbone) == expected


def test_raw_pixels_go_in_and_features_come_out(named):
    name, backbone = named
    shape = CASES[name][0]
    assert backbone.name == "backbone"
    assert backbone.inputs[0].name == "image"
    assert backbone.inputs[0].dtype == "uint8"

    images = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    features = backbone(images, training=False)
    assert features.shape == (2, backbone.output_shape[-1])
    assert np.isfinite(features).all()
    assert name in SIGNED or (features.numpy() >= 0).all()


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


def test_a_cnn_may_have_several_dense_layers():
    # LeNet-5 for 28 pixels, as NIID-Bench has it: 44,426 with 10 classes
    backbone = build(
        "cnn(filters=[6, 16], kernel=5, pool=[2, 2], dense=[120, 84])",
        (28, 28, 1),
    )
    assert backbone.count_params() == 44_426 - 850
    assert backbone.get_layer("dense1").output.shape == (None, 120)


def test_settings_of_a_resnet():
    backbone = build(
        "resnet_small(filters=[4, 8], blocks=1, stride=2, l2=0.01)", (28, 28, 3)
    )
    assert backbone.get_layer("block1").output.shape == (None, 14, 14, 4)
    assert backbone.get_layer("block2").output.shape == (None, 7, 7, 8)
    assert backbone.output_shape == (None, 8)
    names = [layer.name for layer in backbone.layers]
    assert "block1_conv_shortcut" not in names
    assert backbone.get_layer("block2_conv_shortcut").kernel.shape[:2] == (1, 1)
    assert backbone.get_layer("block1_conv1").bias is None
    assert backbone.get_layer("block1_bn2").synchronized
    # the first convolution, two a block, and a shortcut
    assert len(backbone.losses) == 6


def test_a_block_adds_to_its_input():
    backbone = build("resnet_small(filters=[4], blocks=1)", (8, 8, 1))
    backbone.get_layer("block1_bn2").gamma.assign(np.zeros(4))
    both = [backbone.get_layer(name).output for name in ("stem", "block1")]
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8)
    before, after = keras.Model(backbone.input, both)(images, training=False)
    np.testing.assert_array_equal(before, after)


def test_the_vit_of_the_paper():
    backbone = build(
        "vit_small(patch=16, width=384, depth=12, heads=6)", (224, 224, 3)
    )
    # ViT-S/16 has 22 M with a head of 1,000 classes
    assert backbone.count_params() + 385 * 1000 == 21_974_632
    assert backbone.get_layer("positions").output.shape == (None, 196, 384)
    assert backbone.get_layer("block12_dense_hidden").units == 4 * 384


@pytest.mark.parametrize(
    ("shape", "patches"),
    [
        ((8, 8, 1), 8 * 8),
        ((28, 28, 1), 7 * 7),
        ((32, 32, 3), 8 * 8),
        ((224, 224, 3), 14 * 14),
        # 2 divides both sides, and 4 would leave 6 columns
        ((32, 24, 1), 16 * 12),
    ],
)
def test_patches_fit_the_image(shape, patches):
    backbone = build("vit_small(width=8, depth=1, heads=2)", shape)
    assert backbone.get_layer("patches").output.shape == (None, patches, 8)


def test_positions_tell_rows_from_columns():
    backbone = build(
        "vit_small(patch=4, width=8, depth=1, heads=2)", (8, 12, 1)
    )
    weights = backbone.get_layer("patches_conv").weights
    for weight in weights:
        weight.assign(np.zeros(weight.shape))
    encoded = keras.Model(
        backbone.input, backbone.get_layer("positions").output
    )(np.zeros((1, 8, 12, 1), np.uint8))[0].numpy()
    # 2 rows of 3 columns; waves of rate 1 and 1 / 10000^(2/4) = 0.01
    waves = [[0, 1, 0, 1], [0.841471, 0.540302, 0.0099998, 0.99995]]
    waves.append([0.909297, -0.416147, 0.0199987, 0.9998])
    expected = [
        waves[row] + waves[column] for row in (0, 1) for column in (0, 1, 2)
    ]
    np.testing.assert_allclose(encoded, expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet_small", "vit_small"])
def test_compiled_saved_and_in_half_precision(name, tmp_path):
    backbone = build(name, (28, 28, 1))
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), np.uint8)
    expected = backbone(images, training=False)
    scale = float(np.abs(expected).max())
    backbone.save(tmp_path / "backbone.keras")
    again = keras.models.load_model(tmp_path / "backbone.keras")
    np.testing.assert_array_equal(again(images, training=False), expected)
    compiled = tf.function(backbone, jit_compile=True)
    np.testing.assert_allclose(compiled(images), expected, atol=1e-5 * scale)
    half = rebuilt(backbone, "mixed_bfloat16")
    half.set_weights(backbone.get_weights())
    found = tf.cast(half(images, training=False), tf.float32)
    np.testing.assert_allclose(found, expected, atol=0.05 * scale)


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
        ("tanh_cnn", (12, 28, 1), "needs images of 13 pixels or more .* 12×28"),
        ("tanh_cnn", (10,), r"A CNN needs images .* got \(10,\)"),
        ("tanh_cnn(filters=[8, 0])", (28, 28, 1), "'filters' must be at least"),
        ("mlp(hidden=[])", (28, 28, 1), "'hidden' must name a layer"),
        ("mlp(hidden=[0])", (28, 28, 1), "'hidden' must be at least 1"),
        ("mlp(dropout=-0.1)", (28, 28, 1), "'dropout' must be from 0 to"),
        ("resnet_small(filters=[])", (28, 28, 1), "'filters' must name a"),
        ("resnet_small(blocks=0)", (28, 28, 1), "'blocks' must be at least 1"),
        ("resnet_small(stride=0)", (28, 28, 1), "'stride' must be at least 1"),
        ("resnet_small", (10,), r"A ResNet needs images .* got \(10,\)"),
        ("vit_small", (10,), r"A ViT needs images .* got \(10,\)"),
        ("vit_small(patch=5)", (28, 28, 1), "divide the 28×28 .*image_size=25"),
        ("vit_small(patch=-1)", (28, 28, 1), "'patch' must be at least 0"),
        ("vit_small(width=6, heads=3)", (28, 28, 1), "multiple of 4, .*use 4"),
        ("vit_small(heads=3)", (28, 28, 1), "multiple of the 3 heads"),
        ("vit_small(depth=0)", (28, 28, 1), "'depth' must be at least 1"),
        ("cnn(dropuot=0.1)", (28, 28, 1), 'did you mean "dropout"'),
        ("cnn(filters=3)", (28, 28, 1), "must be a list of int, got 3"),
    ],
)
def test_impossible_settings(spec, shape, message):
    with pytest.raises(UserError, match=message):
        build(spec, shape)
