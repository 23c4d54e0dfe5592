"""Serialized `tf.train.Example`s as requests."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.serving.signatures.examples import (
    api_signature,
    classes_of,
    example_signature,
    regression_of,
    serialized,
)
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    write_saved_model,
)

SHARES = np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)


def of_inputs(function, outputs, **inputs):
    specs = {
        name: tf.TensorSpec((None, *values.shape[1:]), values.dtype, name)
        for name, values in inputs.items()
    }
    return Signature("serving_default", function, specs, cases(inputs, outputs))


def shares():
    return of_inputs(
        lambda vector: {"probabilities": vector},
        {"probabilities": SHARES},
        vector=SHARES,
    )


def test_a_feature_for_each_input(tmp_path, in_session):
    ages = np.array([3, 4], np.int32)
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

    def total(age, image):
        sums = tf.reduce_sum(tf.cast(image, tf.int32), (1, 2))
        return {"total": sums + age}

    sums = pixels.sum((1, 2)).astype(np.int32) + ages
    whole = of_inputs(total, {"total": sums}, age=ages, image=pixels)
    found = example_signature(whole, {"age": "age of owner"})
    write_saved_model(tmp_path, [whole, found])
    written = found.cases[0].inputs["examples"]
    features = tf.train.Example.FromString(written[1]).features.feature
    assert list(features["age of owner"].int64_list.value) == [4]
    assert list(features["image"].int64_list.value) == list(range(6, 12))
    outputs = in_session(tmp_path, "examples", examples=written)
    assert outputs["total"].tolist() == sums.tolist()
    pixels = pixels.astype(np.int64)
    pixels[1, 0, 0] = 256
    bad = serialized({"age of owner": ages, "image": pixels})
    told = "from 0 to 255 in image, got others in row 1"
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        in_session(tmp_path, "examples", examples=bad)


def test_what_is_missing_is_named(tmp_path, in_session):
    found = example_signature(shares(), {})
    write_saved_model(tmp_path, [shares(), found])
    other = serialized({"vectors": SHARES})
    told = r"Feature: vector .*is required"
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        in_session(tmp_path, "examples", examples=other)


def test_ids_are_padded_to_the_longest():
    spec = tf.TensorSpec((None, None), tf.int32, "tokens")
    ids = np.array([[5, 6], [7, 0]], np.int32)
    proofs = cases({"tokens": ids}, {"ids": ids})
    whole = Signature("a", lambda x: {"ids": x}, {"tokens": spec}, proofs)
    found = example_signature(whole, {})
    short = [
        tf.train.Example.FromString(one) for one in serialized({"tokens": ids})
    ]
    del short[1].features.feature["tokens"].int64_list.value[1:]
    written = [one.SerializeToString() for one in short]
    answer = found.function(tf.constant(written))["ids"]
    assert answer.dtype == tf.int32
    assert answer.numpy().tolist() == [[5, 6], [7, 0]]


def test_arrays_of_unknown_sides_have_no_examples(caplog):
    caplog.set_level("INFO")
    spec = tf.TensorSpec((None, None, None), tf.float32, "array")
    whole = Signature("a", lambda x: {"y": x}, {"array": spec}, ())
    assert example_signature(whole, {}) is None
    assert "signature examples is left out" in caplog.text


def test_tensorflow_serving_classifies():
    examples = example_signature(shares(), {})
    found = api_signature(examples, "classify", classes_of(("cat", "dog")))
    assert list(found.inputs) == ["inputs"]
    outputs = found.function(tf.constant(found.cases[0].inputs["inputs"]))
    # that API refuses others beside these
    assert set(outputs) == {"classes", "scores"}
    assert outputs["classes"].numpy().tolist() == [[b"cat", b"dog"]] * 2
    np.testing.assert_array_equal(outputs["scores"], SHARES)
    np.testing.assert_array_equal(found.cases[0].outputs["scores"], SHARES)
    black = {
        "probabilities": tf.constant(SHARES),
        "is_corrupt": tf.constant([True, False]),
    }
    scores = classes_of(("cat", "dog"))(black)["scores"].numpy()
    assert scores.tolist() == [[0, 0], [1, 0]]


def test_tensorflow_serving_regresses():
    numbers = SHARES[:, 1]
    whole = of_inputs(
        lambda vector: {"value": vector[:, 1]},
        {"value": numbers},
        vector=SHARES,
    )
    examples = example_signature(whole, {})
    found = api_signature(examples, "regress", regression_of)
    outputs = found.function(tf.constant(found.cases[0].inputs["inputs"]))
    assert set(outputs) == {"outputs"}
    assert outputs["outputs"].numpy().tolist() == [0.75, 0.0]
