import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.serving.signatures.arrays import (
    accepts_encoded_images,
    in_float32,
    write_saved_model,
)


def answers(model, path, name, **inputs):
    write_saved_model(model, path)
    loaded = tf.saved_model.load(str(path))
    return loaded.signatures[name](**inputs)


def small(shape, name, dtype="float32", policy="float32", channels=2):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape, dtype=dtype, name=name)
    outputs = inputs
    for layer in (
        keras.layers.Rescaling(1 / 255, dtype=policy),
        keras.layers.Flatten(dtype=policy),
        keras.layers.Dense(8, activation="relu", dtype=policy),
        keras.layers.BatchNormalization(dtype=policy),
        keras.layers.Dense(channels, dtype=policy),
    ):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("shape", "name"), [((5,), "vector"), ((3, 4, 5), "array")]
)
def test_the_input_keeps_its_name(tmp_path, shape, name):
    model = small(shape, name)
    inputs = np.ones((3, *shape), np.float32)
    found = answers(
        model, tmp_path, "serving_default", **{name: tf.constant(inputs)}
    )
    np.testing.assert_allclose(found["logits"], model(inputs), atol=1e-6)
    loaded = tf.saved_model.load(str(tmp_path))
    assert list(loaded.signatures) == ["serving_default"]


def test_colour_images_of_any_size_are_decoded(tmp_path):
    model = small((16, 16, 3), "image", dtype="uint8")
    # a plain colour stays itself whatever the resizing
    image = np.broadcast_to(np.uint8([200, 100, 50]), (40, 30, 3))
    found = answers(
        model,
        tmp_path,
        "encoded_images",
        bytes=tf.stack([tf.io.encode_png(image)] * 2),
    )
    expected = model(np.broadcast_to(image[0, 0], (2, 16, 16, 3)))
    np.testing.assert_allclose(found["logits"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((None, 8, 8, 3), tf.uint8, True),
        ((None, 8, 8, 2), tf.uint8, False),
        ((None, 8, 9, 3), tf.uint8, False),
        ((None, 8, 8, 3), tf.float32, False),
        ((None, None, None, 3), tf.uint8, False),
    ],
)
def test_square_images_of_bytes_take_files(shape, dtype, expected):
    assert accepts_encoded_images(tf.TensorSpec(shape, dtype)) is expected


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_becomes_float32(policy):
    mixed = small((6,), "vector", policy=policy)
    whole = in_float32(mixed)
    assert keras.backend.standardize_dtype(mixed.output.dtype) != "float32"
    assert {layer.compute_dtype for layer in whole.layers} == {"float32"}
    expected = small((6,), "vector")
    expected.set_weights(mixed.get_weights())
    inputs = np.arange(12, dtype=np.float32).reshape(2, 6)
    np.testing.assert_array_equal(whole(inputs), expected(inputs))


def test_a_backbone_inside_becomes_float32_too():
    backbone = small((6,), "vector", policy="mixed_float16", channels=3)
    inputs = keras.Input((6,), name="vector")
    model = keras.Model(inputs, keras.layers.Dense(2)(backbone(inputs)))
    inner = in_float32(model).layers[1]
    assert {layer.compute_dtype for layer in inner.layers} == {"float32"}


def test_float32_stays_the_model_itself(model):
    assert in_float32(model) is model


def test_a_model_of_two_replicas_is_written(tmp_path):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = small((4,), "vector")
    inputs = np.ones((2, 4), np.float32)
    found = answers(
        model, tmp_path, "serving_default", vector=tf.constant(inputs)
    )
    np.testing.assert_allclose(found["logits"], model(inputs), atol=1e-6)
