import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.info import DEFAULT_FORM, ImageForm
from keras_ptft.data.images.resize import resize_images
from keras_ptft.serving.signatures.arrays import (
    accepts_encoded_images,
    array_signatures,
    class_scores,
    examples_of,
    expected_rows,
    in_float32,
    input_specs,
)
from keras_ptft.serving.signatures.signature import write_saved_model


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


def signatures_of(model, form=DEFAULT_FORM, **examples):
    found = array_signatures(model, class_scores(model), examples, form)
    return {signature.name: signature for signature in found}


@pytest.mark.parametrize(
    ("rows", "calls"), [(0, [0]), (8, [8]), (19, [8, 8, 3])]
)
def test_a_few_rows_are_computed_at_a_time(rows, calls):
    seen = []

    def sums(one, other):
        seen.append(len(one))
        return {"sum": one + other, "first": one[:, 0]}

    one = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    found = expected_rows(sums, {"one": one, "other": -3 * one})
    assert seen == calls
    np.testing.assert_array_equal(found["sum"], -2 * one)
    np.testing.assert_array_equal(found["first"], one[:, 0])


@pytest.mark.parametrize(
    ("shape", "name"), [((5,), "vector"), ((3, 4, 5), "array")]
)
def test_the_input_keeps_its_name(tmp_path, in_session, shape, name):
    model = small(shape, name)
    inputs = np.ones((3, *shape), np.float32)
    found = signatures_of(model, **{name: inputs})
    assert list(found) == ["serving_default"]
    write_saved_model(tmp_path, found.values())
    outputs = in_session(tmp_path, "serving_default", **{name: inputs})
    np.testing.assert_allclose(outputs["logits"], model(inputs), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("resize", ["stretch", "crop(share=0.7)"])
def test_files_are_resized_as_the_model_s_form_says(
    tmp_path, in_session, resize
):
    model = small((6, 6, 3), "image", "uint8")
    noise = np.random.default_rng(0)
    inputs = noise.integers(0, 256, (5, 6, 6, 3), np.uint8)
    form = ImageForm(resize=resize)
    found = signatures_of(model, form, image=inputs)
    write_saved_model(tmp_path, found.values())
    # files of the model's own size prove the export
    for case in found["encoded_images"].cases:
        outputs = in_session(tmp_path, "encoded_images", **case.inputs)
        np.testing.assert_allclose(
            outputs["logits"], case.outputs["logits"], atol=1e-5
        )
    photos = noise.integers(0, 256, (2, 20, 31, 3), np.uint8)
    files = [tf.io.encode_png(photo).numpy() for photo in photos]
    outputs = in_session(
        tmp_path, "encoded_images", bytes=np.array(files, object)
    )
    # 14 of 20 rows: 3 above; 14 of 31 columns: 8 at the left
    seen = photos if resize == "stretch" else photos[:, 3:17, 8:22]
    expected = model(resize_images(seen, 6))
    np.testing.assert_allclose(outputs["logits"], expected, atol=1e-5)


def test_the_keras_model_gives_the_expected_outputs(model, digits, logits):
    found = signatures_of(model, image=digits[0][:5].astype(np.float64))
    every, first, last = found["serving_default"].cases
    assert every.inputs["image"].dtype == np.uint8
    np.testing.assert_allclose(every.outputs["logits"], logits[:5], atol=1e-5)
    encoded = found["encoded_images"].cases
    for case, files in zip((every, first, last), encoded, strict=True):
        assert case.outputs.keys() == {"logits", "probabilities"}
        assert files.outputs["logits"].tolist() == (
            case.outputs["logits"].tolist()
        )
        decoded = [tf.io.decode_png(file) for file in files.inputs["bytes"]]
        np.testing.assert_array_equal(decoded, case.inputs["image"])


def test_several_inputs_have_names(tmp_path, in_session):
    image = keras.Input((4, 4, 1), dtype="uint8", name="image")
    age = keras.Input((1,), name="age")
    pixels = keras.layers.Rescaling(1.0)(keras.layers.Flatten()(image))
    features = keras.layers.Concatenate()([age, pixels])
    model = keras.Model(
        {"image": image, "age": age}, keras.layers.Dense(3)(features)
    )
    source = ArraySource(np.ones((70, 4, 4, 1), np.uint8), np.zeros(70))
    examples = examples_of(source)
    assert examples["image"].shape == (64, 4, 4, 1)
    examples["age"] = np.arange(64.0)[:, None]
    found = signatures_of(model, **examples)
    # no file holds an image and an age
    assert list(found) == ["serving_default"]
    assert input_specs(model)["image"].dtype == tf.uint8
    write_saved_model(tmp_path, found.values())
    outputs = in_session(tmp_path, "serving_default", **examples)
    expected = found["serving_default"].cases[0].outputs
    np.testing.assert_allclose(outputs["logits"], expected["logits"], atol=1e-4)


@pytest.mark.slow
def test_colour_images_of_any_size_are_decoded(tmp_path, in_session):
    model = small((16, 16, 3), "image", dtype="uint8")
    # a plain colour stays itself whatever the resizing
    image = np.broadcast_to(np.uint8([200, 100, 50]), (40, 30, 3))
    plain = np.broadcast_to(image[0, 0], (2, 16, 16, 3))
    found = signatures_of(model, image=plain)
    write_saved_model(tmp_path, found.values())
    encoded = [tf.io.encode_png(image).numpy()] * 2
    outputs = in_session(tmp_path, "encoded_images", bytes=encoded)
    np.testing.assert_allclose(outputs["logits"], model(plain), atol=1e-5)


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


def test_a_model_of_two_replicas_is_written(tmp_path, in_session):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = small((4,), "vector")
    inputs = np.ones((2, 4), np.float32)
    found = signatures_of(model, vector=inputs)
    write_saved_model(tmp_path, found.values())
    outputs = in_session(tmp_path, "serving_default", vector=inputs)
    np.testing.assert_allclose(outputs["logits"], model(inputs), atol=1e-6)
