"""Image files of a request, whole and damaged."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DEFAULT_FORM
from keras_ptft.errors import UserError
from keras_ptft.serving.signatures.encoded import encoded_images
from keras_ptft.serving.signatures.intake import Intake
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    write_saved_model,
)

SPEC = tf.TensorSpec((None, 4, 4, 1), tf.uint8, "image")
PLAIN = np.array([40, 80], np.uint8)
IMAGES = np.broadcast_to(PLAIN[:, None, None, None], (2, 4, 4, 1))


def brightness(images):
    mean = tf.reduce_mean(tf.cast(images, tf.float32), (1, 2, 3))
    return {
        "label": tf.strings.as_string(tf.cast(mean, tf.int32)),
        "score": mean / 255,
    }


def signatures(**settings):
    answers = brightness(tf.constant(IMAGES))
    expected = {name: values.numpy() for name, values in answers.items()}
    proofs = cases({"image": IMAGES}, expected)
    default = Signature("serving_default", brightness, {"image": SPEC}, proofs)
    intake = Intake(most_pixels=1000, **settings)
    return [default, encoded_images(default, DEFAULT_FORM, intake)]


@pytest.fixture(scope="module")
def files():
    rows = np.full((4, 4, 1), 40, np.uint8)
    png = tf.io.encode_png(rows).numpy()
    jpeg = tf.io.encode_jpeg(np.repeat(rows, 3, 2)).numpy()
    large = tf.io.encode_png(np.zeros((40, 40, 1), np.uint8)).numpy()
    return {
        "png": png,
        "jpeg": jpeg,
        "empty": b"",
        "cut": png[: len(png) // 2],
        "cut jpeg": jpeg[:60],
        "text": b"not an image",
        "large": large,
    }


TOLD = {
    "cut": "it is damaged",
    "cut jpeg": "it is damaged",
    "empty": "it has no bytes",
    "large": r"it declares more than 1000 pixels \(--most_pixels\)",
    "text": "it is no JPEG, PNG, BMP or GIF",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strict")
    write_saved_model(folder, signatures())
    loaded = tf.saved_model.load(str(folder))
    return folder, loaded


@pytest.fixture(scope="module")
def lenient(tmp_path_factory):
    found = signatures(corrupt_images="flag")
    folder = tmp_path_factory.mktemp("lenient")
    write_saved_model(folder, found)
    return tf.saved_model.load(str(folder)), found[1]


@pytest.mark.parametrize("name", sorted(TOLD))
def test_a_row_that_cannot_be_decoded_is_named(strict, files, name):
    encode = strict[1].signatures["encoded_images"]
    rows = tf.constant([files["png"], files["jpeg"], files[name]])
    told = f"the image in row 2 of the request: {TOLD[name]}. Replace it"
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        encode(bytes=rows)


@pytest.mark.slow
def test_a_session_answers_and_names_the_row(strict, files, in_session):
    folder, _ = strict
    rows = [files["png"], files["cut"]]
    told = "Cannot decode the image in row 1 .*export with --corrupt_images"
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        in_session(folder, "encoded_images", bytes=rows)
    rows = [files["png"], files["jpeg"]]
    outputs = in_session(folder, "encoded_images", bytes=rows)
    assert set(outputs) == {"label", "score"}
    assert outputs["label"].tolist() == [b"40", b"40"]


def test_no_files_have_no_answers(strict):
    encode = strict[1].signatures["encoded_images"]
    assert encode(bytes=tf.constant([], tf.string))["score"].shape == (0,)


@pytest.mark.slow
def test_damaged_images_are_flagged(lenient, files):
    loaded, _ = lenient
    rows = [files["empty"], files["png"], files["cut"], files["large"]]
    outputs = loaded.signatures["encoded_images"](bytes=tf.constant(rows))
    found = {name: x.numpy().tolist() for name, x in outputs.items()}
    assert found["is_corrupt"] == [True, False, True, True]
    assert found["label"] == [b"", b"40", b"", b""]
    assert found["score"] == pytest.approx([0, 40 / 255, 0, 0])


@pytest.mark.slow
def test_a_case_proves_what_is_flagged(lenient):
    last = lenient[1].cases[-1]
    assert last.outputs["is_corrupt"].tolist() == [True, False, True]
    assert last.outputs["label"].tolist() == [b"", b"40", b""]
    first = lenient[1].cases[0]
    assert first.outputs["is_corrupt"].tolist() == [False, False]


def test_a_limit_below_the_model_s_own_image_is_refused():
    default = signatures()[0]
    with pytest.raises(UserError, match=r"16 pixels, and --most_pixels=9 ref"):
        encoded_images(default, DEFAULT_FORM, Intake(most_pixels=9))
