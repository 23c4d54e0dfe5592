"""Requests to each signature, as a model reads them."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.serving.inference.predictor import Predictor
from keras_ptft.serving.monitoring.requests import Request
from keras_ptft.serving.monitoring.takers import takers_of
from keras_ptft.serving.monitoring.watched import Watched


def watched(spec, columns=(), inputs=()):
    predictor = Predictor(dict, {spec.name: spec}, {})
    return Watched(DataInfo(columns=columns), predictor, None, inputs)


IMAGES = watched(tf.TensorSpec((None, 2, 2, 1), tf.uint8, "image"))
TEXTS = watched(tf.TensorSpec((None,), tf.string, "text"))
ROWS = watched(
    tf.TensorSpec((None, 2), tf.float32, "vector"), ("z z", "a"), ("z_z", "a")
)
PIXELS = np.arange(4, dtype=np.uint8).reshape(2, 2, 1)
PNG = tf.io.encode_png(PIXELS).numpy()


def example(**features):
    """A serialized example, of bytes or numbers."""
    made = tf.train.Example()
    for name, values in features.items():
        feature = made.features.feature[name]
        kind = feature.float_list
        if isinstance(values[0], bytes):
            kind = feature.bytes_list
        elif isinstance(values[0], int):
            kind = feature.int64_list
        kind.value.extend(values)
    return made.SerializeToString()


def taken(model, signature, inputs):
    return takers_of(model)[signature](Request("line 1", signature, inputs))


def test_what_is_measured_follows_from_the_model():
    assert set(takers_of(IMAGES)) == {
        *("serving_default", "encoded_images", "examples")
    }
    assert set(takers_of(TEXTS)) == {"serving_default", "examples"}
    assert set(takers_of(ROWS)) == {"serving_default", "columns", "examples"}


@pytest.mark.slow
def test_images_are_decoded():
    found = taken(IMAGES, "encoded_images", {"bytes": np.array([PNG] * 2)})
    assert found["image"].tolist() == [PIXELS.tolist()] * 2
    with pytest.raises(ValueError, match="cannot be decoded"):
        taken(IMAGES, "encoded_images", {"": [{"b64": "YQ=="}]})


def test_columns_are_stacked_in_the_order_of_training():
    found = taken(ROWS, "columns", {"a": [1, 2], "z_z": [3, None]})
    np.testing.assert_array_equal(found["vector"], [[3, 1], [np.nan, 2]])
    with pytest.raises(ValueError, match="expected z_z, a, got a"):
        taken(ROWS, "columns", {"a": [1]})


EXAMPLES = {
    "columns": (ROWS, {"z z": [1.5], "a": [2]}, [1.5, 2]),
    "image": (IMAGES, {"image/encoded": [PNG]}, PIXELS.tolist()),
    "pixels": (IMAGES, {"image": [0, 1, 2, 3]}, PIXELS.tolist()),
    "text": (TEXTS, {"text": [b"a\0"]}, b"a\0"),
    "vector": (ROWS, {"vector": [1.5, 2.0]}, [1.5, 2]),
}


@pytest.mark.parametrize(
    "case",
    [
        # whose decoding is traced
        pytest.param(name, marks=pytest.mark.slow if name == "image" else ())
        for name in sorted(EXAMPLES)
    ],
)
def test_examples_hold_what_the_model_reads(case):
    model, features, expected = EXAMPLES[case]
    given = {"examples": np.array([example(**features)] * 2, object)}
    (array,) = taken(model, "examples", given).values()
    assert array.tolist() == [expected] * 2


@pytest.mark.parametrize(
    ("serialized", "told"),
    [
        (b"\xff", "expected serialized tf.train.Example"),
        (example(other=[1.0]), "expected feature vector in each example"),
        (example(vector=[1.0, 2.0, 3.0]), "reshape"),
    ],
    ids=["bytes", "name", "shape"],
)
def test_examples_that_do_not_fit(serialized, told):
    given = {"examples": np.array([serialized], object)}
    with pytest.raises(ValueError, match=told):
        taken(ROWS, "examples", given)
