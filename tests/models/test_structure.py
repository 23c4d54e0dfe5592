"""The inputs and outputs of a model as one tensor or a dict."""

import keras
import pytest
import tensorflow as tf

from keras_ptft.models import structure


def pair():
    a = keras.Input((2,), name="a")
    return a, keras.Input((3,), dtype="int32", name="b")


def test_one_input():
    image = keras.Input((8, 8, 1), dtype="uint8", name="image")
    for inputs in (image, [image]):
        model = keras.Model(inputs, keras.layers.Flatten()(image))
        expected = tf.TensorSpec((8, 8, 1), tf.uint8, "image")
        assert structure.input_spec(model) == expected
        assert structure.input_tensors(model) is image
        assert structure.named_inputs(model) == {"image": image}


def test_named_inputs_and_outputs():
    a, b = pair()
    model = keras.Model({"a": a, "b": b}, {"x": a * 2.0, "y": b + 1})
    assert structure.input_spec(model) == {
        "a": tf.TensorSpec((2,), tf.float32, "a"),
        "b": tf.TensorSpec((3,), tf.int32, "b"),
    }
    assert structure.named_inputs(model).keys() == {"a", "b"}
    assert structure.output_tensors(model).keys() == {"x", "y"}


def test_several_without_names():
    a, b = pair()
    with pytest.raises(ValueError, match="2 tensors without names"):
        structure.input_spec(keras.Model([a, b], [a * 2.0, b + 1]))
    with pytest.raises(ValueError, match="2 tensors without names"):
        structure.output_tensors(keras.Model(a, [a * 2.0, a * 3.0]))
