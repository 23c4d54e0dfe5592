"""Folded models give what the models themselves give, and leave the rest."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.precision import rebuilt
from keras_ptft.registry import lookup
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.transfer import cache
from keras_ptft.transfer.cut import split
from keras_ptft.transfer.folding import folded

SIDE = 48
# of the largest feature
ROUNDING = 1e-6


@pytest.fixture(scope="session")
def photos(shared_data):
    """Six photos of each kind of flower, uint8."""
    kinds = sorted((shared_data / "flower_photos").glob("*/"))
    files = [file for kind in kinds for file in sorted(kind.glob("*.jpg"))[:6]]
    decoded = [tf.io.decode_jpeg(file.read_bytes()) for file in files]
    resized = [tf.image.resize(x, (SIDE, SIDE)) for x in decoded]
    return tf.cast(tf.stack(resized), tf.uint8)


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


def drawn(model):
    """The model, with statistics as a training leaves them."""
    random = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            for weight in layer.weights:
                low = 0.3 if "variance" in weight.name else -0.2
                weight.assign(weight + random.uniform(low, 0.4, weight.shape))
    return model


def backbone(spec):
    image = tf.TensorSpec((SIDE, SIDE, 3), tf.uint8, "image")
    scaling = np.full(3, 110.0), np.full(3, 4900.0)
    return drawn(
        lookup(BACKBONES, spec, "backbone")(BackboneInput(image, scaling))
    )


def image_model(build):
    """A model of an image, scaled to 0 to 1, that `build` continues."""
    inputs = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    return drawn(keras.Model(inputs, build(layers.Rescaling(1 / 255)(inputs))))


def run(model, inputs):
    """Outputs in inference, and how many layers normalise there."""
    step = tf.function(lambda x: model(x, training=False), autograph=False)
    graph = step.get_concrete_function(inputs).graph
    kinds = [operation.type for operation in graph.get_operations()]
    return step(inputs), kinds.count("Rsqrt")


def check_same(model, inputs, *, left=0):
    """Features are the same, and `left` layers still normalise."""
    found, normalizations = run(folded(model), inputs)
    expected, _ = run(model, inputs)
    assert normalizations == left
    keras.tree.assert_same_structure(found, expected)
    flat = map(keras.tree.flatten, (found, expected))
    for mine, theirs in zip(*flat, strict=True):
        assert mine.dtype == theirs.dtype
        largest = np.abs(theirs).max()
        assert largest > 0
        np.testing.assert_allclose(
            mine, theirs, rtol=0, atol=ROUNDING * largest
        )


@pytest.mark.parametrize(
    "spec",
    [
        "cnn(filters=[4, 6], batch_norm=True)",
        "resnet_small(filters=[8, 8], blocks=1)",
    ],
)
def test_features_of_photos_are_the_same(photos, spec):
    check_same(backbone(spec), photos)


@pytest.mark.slow
def test_a_deep_model_is_rounded_no_worse(photos):
    """Of 49 layers even a graph and eager calls differ by more than 1e-6."""
    model = backbone("efficientnet_lite0")
    exact = rebuilt(model, "float64")
    exact.set_weights(model.get_weights())
    truth = run(exact, photos)[0].numpy()
    plain, quick = (run(x, photos)[0] - truth for x in (model, folded(model)))
    assert np.abs(quick).max() < 1e-5 * truth.max()
    assert np.square(quick).mean() < 1.5 * np.square(plain).mean()


def test_kernel_and_bias_by_hand():
    convolution = layers.Conv2D(1, 1, bias_initializer="ones")
    inputs = keras.Input((1, 1, 1))
    x = convolution(inputs)
    normalization = layers.BatchNormalization(epsilon=0.75)
    model = keras.Model(inputs, normalization(x))
    convolution.kernel.assign([[[[2.0]]]])
    # gamma, beta, mean, variance
    normalization.set_weights(np.array([[3.0], [5.0], [4.0], [0.25]]))
    # 3 * (2 x + 1 - 4) / sqrt(0.25 + 0.75) + 5 = 6 x - 4
    images = np.reshape([0.0, 1.0, -2.0], (3, 1, 1, 1))
    outputs = folded(model)(images, training=False)
    assert np.ravel(outputs).tolist() == [-4.0, 2.0, -16.0]


def convolved(**settings):
    return lambda x: layers.BatchNormalization()(
        layers.Conv2D(4, **settings)(x)
    )


def depthwise(**settings):
    convolution = layers.DepthwiseConv2D(3, **settings)
    return lambda x: layers.BatchNormalization()(convolution(x))


def test_every_kind_of_convolution(photos):
    """They are summed up, so that it is one model to trace."""
    plain = {"scale": False, "center": False}

    def build(x):
        parts = [
            convolved(kernel_size=3, strides=2, padding="same")(x),
            convolved(kernel_size=3, dilation_rate=2, use_bias=False)(x),
            depthwise(depth_multiplier=2, strides=2)(x),
            depthwise(dilation_rate=2, padding="same", use_bias=False)(x),
            layers.BatchNormalization(**plain)(layers.Conv2D(4, 1)(x)),
        ]
        return [layers.GlobalAveragePooling2D()(part) for part in parts]

    model = image_model(lambda x: layers.Concatenate()(build(x)))
    check_same(model, photos)


def before(x):
    return layers.Conv2D(4, 3)(layers.BatchNormalization()(x))


def activated(x):
    return convolved(kernel_size=3, activation="relu")(x)


def dense(x):
    x = layers.Dense(4)(layers.GlobalAveragePooling2D()(x))
    return layers.BatchNormalization()(x)


def read_twice(x):
    x = layers.Conv2D(4, 3)(x)
    return layers.Add()([x, layers.BatchNormalization()(x)])


def given_too(x):
    x = layers.Conv2D(4, 3)(x)
    return {"raw": x, "normal": layers.BatchNormalization()(x)}


def shared_convolution(x):
    convolution = layers.Conv2D(3, 3, padding="same")
    return convolution(layers.BatchNormalization()(convolution(x)))


def shared_normalization(x):
    normalization = layers.BatchNormalization()
    x = normalization(layers.Conv2D(3, 3)(x))
    return normalization(layers.Conv2D(3, 3)(x))


def other_axis(x):
    return layers.BatchNormalization(axis=1)(layers.Conv2D(4, 3)(x))


def half(x):
    x = layers.Conv2D(4, 3, dtype="mixed_bfloat16")(x)
    return layers.BatchNormalization(dtype="mixed_bfloat16")(x)


def adapted(x):
    convolution = layers.Conv2D(4, 3)
    x = layers.BatchNormalization()(convolution(x))
    convolution.enable_lora(2)
    convolution.lora_kernel_b.assign(np.ones((2, 4)))
    return x


@pytest.mark.parametrize(
    "build",
    [
        before,
        activated,
        dense,
        read_twice,
        given_too,
        shared_convolution,
        other_axis,
        half,
        adapted,
        shared_normalization,
    ],
)
def test_what_cannot_be_folded_is_left_alone(build):
    model = image_model(build)
    assert folded(model) is model


def test_the_rest_is_folded(photos):
    """One of each of the others, beside a convolution that is folded."""

    def build(x):
        x = convolved(kernel_size=3, strides=2)(x)
        return dense(read_twice(shared_convolution(layers.Conv2D(3, 1)(x))))

    check_same(image_model(build), photos, left=3)


def test_dropout_stays_off(photos):
    def build(x):
        x = convolved(kernel_size=3)(x)
        # a graph may say that it is on
        return layers.Dropout(0.5)(layers.Dropout(0.5)(x, training=True))

    check_same(image_model(build), photos)


def test_nested_models_are_folded(photos):
    """One that is called twice too, but no `Sequential` one."""

    def build(x):
        inner = keras.Input(x.shape[1:])
        outputs = convolved(kernel_size=3, padding="same")(inner)
        outputs = layers.Conv2D(3, 1)(outputs)
        nested = keras.Model(inner, outputs)
        parts = layers.Conv2D(3, 1), layers.BatchNormalization()
        return keras.Sequential([keras.Input(x.shape[1:]), *parts])(
            nested(nested(x))
        )

    check_same(image_model(build), photos, left=1)


def test_several_inputs_and_outputs(photos):
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    table = keras.Input((2,), name="table")
    x = convolved(kernel_size=3)(layers.Rescaling(1 / 255)(image))
    outputs = {"features": x, "table": table, "sum": layers.Add()([x, x])}
    # Keras 3.12 has no model with an input that no layer reads
    outputs["double"] = layers.Add()([table, table])
    model = drawn(keras.Model({"image": image, "table": table}, outputs))
    inputs = {"image": photos, "table": tf.ones((len(photos), 2))}
    check_same(model, inputs)


def test_a_cut_model_does_not_change(photos, monkeypatch):
    """Weights, configuration and what is trained; the key of its features."""
    whole = backbone("cnn(filters=[4, 6], batch_norm=True)")
    model = keras.Model(whole.input, layers.Dense(2)(whole.output))
    prefix, _ = split(model, whole, "conv2")
    weights, config = prefix.get_weights(), prefix.to_json()
    check_same(prefix, photos)
    assert prefix.to_json() == config
    assert not prefix.trainable
    for mine, theirs in zip(prefix.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    count = len(photos)
    source = ArraySource(photos.numpy(), np.zeros(count), np.arange(count))
    keys = cache.keys_of(prefix, [source])
    monkeypatch.setattr(cache, "FOLDING_VERSION", 0)
    assert cache.keys_of(prefix, [source]) != keys


def test_it_runs_on_the_replicas_of_the_model(photos):
    with get_strategy("mirrored").scope():
        model = image_model(convolved(kernel_size=3))
    quick = folded(model)
    assert quick.distribute_strategy is model.distribute_strategy
    assert not quick.variables
    check_same(model, photos)
