"""TensorFlow's C API answers as TensorFlow does, strings and all.

Here it is the library that this process has loaded already.
"""

import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.signatures.signature import Signature, write_saved_model
from keras_ptft.serving.verification.c_api import (
    Session,
    find_libraries,
    load_library,
)
from keras_ptft.serving.verification.cases import Mismatch

FOLDER = os.path.dirname(tf.__file__)
# up to 22 bytes a string is inside of its 24; longer ones are elsewhere
TEXTS = [b"", b"\0", b"a" * 22, b"b" * 23, "猫\0".encode() * 1000]


@pytest.fixture(scope="module")
def library():
    return load_library(FOLDER)


@pytest.fixture(scope="module")
def session(tmp_path_factory, library):
    """An export of strings, of every dtype, and of what fails."""
    folder = tmp_path_factory.mktemp("export")
    numbers = tf.TensorSpec((None, 2), tf.float64, "numbers")
    texts = tf.TensorSpec((None, None), tf.string, "texts")

    def of_texts(texts):
        parts = tf.strings.substr(texts, 0, 25)
        return {"same": texts, "parts": parts, "more": texts + "!" * 30}

    def of_numbers(numbers):
        names = "float16 float32 int8 uint8 int16 uint16 int32 uint32 int64"
        found = {name: tf.cast(numbers, name) for name in names.split()}
        return {**found, "bool": numbers > 0, "sum": tf.reduce_sum(numbers)}

    def of_small(numbers):
        return {"bfloat16": tf.cast(numbers, tf.bfloat16)}

    def checked(numbers):
        with tf.control_dependencies([tf.debugging.assert_positive(numbers)]):
            return {"same": tf.identity(numbers)}

    write_saved_model(
        folder,
        [
            Signature("serving_default", of_texts, {"texts": texts}, ()),
            Signature("numbers", of_numbers, {"numbers": numbers}, ()),
            Signature("small", of_small, {"numbers": numbers}, ()),
            Signature("checked", checked, {"numbers": numbers}, ()),
        ],
    )
    return Session(library, folder)


def test_strings_of_every_length(session):
    texts = np.array([TEXTS, TEXTS[::-1]], object)
    outputs = session.run("serving_default", {"texts": texts})
    assert set(outputs) == {"same", "parts", "more"}
    assert outputs["same"].tolist() == texts.tolist()
    assert outputs["parts"][0].tolist() == [text[:25] for text in TEXTS]
    assert outputs["more"][0].tolist() == [text + b"!" * 30 for text in TEXTS]
    nothing = session.run(
        "serving_default", {"texts": np.zeros((0, 2), object)}
    )
    assert nothing["same"].shape == (0, 2)


def test_numbers_of_every_dtype(session):
    # cast, and not in the order that memory has
    numbers = np.array([[1, 2], [3, 4]], np.int32).T
    outputs = session.run("numbers", {"numbers": numbers})
    assert outputs.pop("sum") == 10.0
    assert len(outputs) == 10
    for name, values in outputs.items():
        assert values.dtype == name
        assert values.tolist() == numbers.astype(name).tolist()


def test_an_export_of_images(exported, library, digits, logits):
    session = Session(library, exported.path)
    assert set(session.signatures) == {"serving_default", "encoded_images"}
    outputs = session.run("serving_default", {"image": digits[0][:30]})
    np.testing.assert_allclose(outputs["logits"], logits[:30], atol=1e-5)
    encoded = [tf.io.encode_png(image).numpy() for image in digits[0][:3]]
    files = {"bytes": np.array(encoded, object)}
    outputs = session.run("encoded_images", files)
    np.testing.assert_allclose(outputs["logits"], logits[:3], atol=1e-5)


@pytest.mark.parametrize(
    "name, inputs, message",
    [
        ("numbers", {}, "input 'numbers' is in no case"),
        ("checked", {"numbers": -np.ones((1, 2))}, "assertion failed"),
        ("small", {"numbers": np.ones((1, 2))}, "TensorFlow's type 14"),
        ("numbers", {"numbers": np.ones(3)}, "Invalid reduction dimension"),
    ],
)
def test_errors_are_told(session, name, inputs, message):
    with pytest.raises(Mismatch, match=message):
        session.run(name, inputs)


def test_no_export_is_told(library, tmp_path):
    with pytest.raises(Mismatch, match=r"saved_model|SavedModel"):
        Session(library, tmp_path)


def test_libraries_are_found_in_a_wheel(tmp_path):
    assert [path.parent for path in find_libraries(FOLDER)] == (
        [pathlib.Path(FOLDER)] * 2
    )
    (tmp_path / "tensorflow").symlink_to(FOLDER)
    first, second = find_libraries(tmp_path)
    assert "framework" in first.name and "_cc" in second.name


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="got none: name the folder of an"):
        find_libraries(tmp_path)
    for part in ("framework", "cc"):
        (tmp_path / f"libtensorflow_{part}.so.2").write_bytes(b"none")
    with pytest.raises(UserError, match=r"for this machine .* another wheel"):
        load_library(tmp_path)
