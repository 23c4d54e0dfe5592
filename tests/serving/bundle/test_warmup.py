"""Requests that an export carries for TensorFlow Serving to warm up with."""

import logging

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from keras_ptft.errors import UserError
from keras_ptft.serving.bundle import warmup
from keras_ptft.serving.bundle.warmup import (
    WARMUP_FILE,
    read_warmup,
    warmup_batches,
    write_warmup,
)
from keras_ptft.serving.signatures.signature import Signature, cases

TEXTS = np.array([b"\xff\0", "猫".encode(), b"last"], object)


def lengths(text):
    return {"length": tf.strings.length(text)}


def double(x):
    return {"double": 2 * x}


@pytest.fixture
def signatures():
    """Three texts, and five rows of two numbers."""
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    text = tf.TensorSpec((None,), tf.string, "text")
    return [
        Signature(
            "serving_default",
            lengths,
            {"text": text},
            cases({"text": TEXTS}, {"length": np.array([2, 3, 4])}),
        ),
        Signature(
            "numbers",
            double,
            {"x": tf.TensorSpec((None, 2), tf.float32, "x")},
            cases({"x": x}, {"double": 2 * x}),
        ),
    ]


def test_small_batches_of_every_signature_come_first(signatures, tmp_path):
    told = write_warmup(tmp_path, "cats", signatures, (1, 4))
    found = list(read_warmup(tmp_path))
    named = [
        (request.signature, len(next(iter(request.inputs.values()))))
        for request in found
    ]
    assert named == [
        ("serving_default", 1),
        ("numbers", 1),
        ("serving_default", 4),
        ("numbers", 4),
    ]
    # the last example first, and repeated to fill
    assert found[0].inputs["text"].tolist() == [b"last"]
    assert found[2].inputs["text"].tolist() == [b"last", *TEXTS]
    assert found[3].inputs["x"][:, 0].tolist() == [2, 4, 6, 8]
    records = tf.data.TFRecordDataset(str(tmp_path / WARMUP_FILE))
    size = sum(map(len, records.as_numpy_iterator()))
    assert told == {
        "file": WARMUP_FILE,
        "batches": [1, 4],
        "requests": 4,
        "bytes": size,
        "left_out": [],
    }


def test_official_messages_read_it(signatures, tmp_path):
    write_warmup(tmp_path, "cats", signatures, (1,))
    records = tf.data.TFRecordDataset(str(tmp_path / WARMUP_FILE))
    first, second = (
        prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        for record in records.as_numpy_iterator()
    )
    assert {first.model_spec.name, second.model_spec.name} == {"cats"}
    assert first.model_spec.signature_name == "serving_default"
    assert second.model_spec.signature_name == "numbers"
    assert tf.make_ndarray(first.inputs["text"]).tolist() == [b"last"]
    assert tf.make_ndarray(second.inputs["x"]).tolist() == [[8, 9]]


def test_without_batches_there_is_no_file(signatures, tmp_path):
    assert write_warmup(tmp_path, "cats", signatures, ()) == {}
    assert not (tmp_path / WARMUP_FILE).exists()


@pytest.mark.parametrize("limit", ["_MOST_BYTES", "MOST_REQUESTS"])
def test_what_does_not_fit_is_told(
    signatures, tmp_path, monkeypatch, caplog, limit
):
    # 50 rows of numbers are 400 bytes, 50 texts are 150
    monkeypatch.setattr(
        warmup, limit, {"_MOST_BYTES": 600, "MOST_REQUESTS": 3}[limit]
    )
    with caplog.at_level(logging.WARNING, "keras_ptft"):
        told = write_warmup(tmp_path, "cats", signatures, (1, 50))
    assert told["left_out"] == ["numbers at batch 50"]
    assert told["requests"] == len(list(read_warmup(tmp_path))) == 3
    assert "Left out of the warm-up" in caplog.text
    assert "numbers at batch 50." in caplog.text


def test_a_batch_that_a_signature_refuses_is_not_published(
    signatures, tmp_path
):
    def at_most_5(x):
        tf.debugging.assert_less_equal(tf.shape(x)[0], 5, "at most 5 rows")
        return double(x)

    _, numbers = signatures
    refusing = Signature("numbers", at_most_5, numbers.inputs, numbers.cases)
    assert write_warmup(tmp_path, "cats", [refusing], (5,))["requests"] == 1
    with pytest.raises(UserError, match=r"'numbers' refuses a batch of 6, .*5"):
        write_warmup(tmp_path, "cats", [refusing], (6,))


@pytest.mark.parametrize(
    "text, sizes",
    [("", ()), ("8", (8,)), ("32,1", (1, 32)), ("1, 1,128", (1, 128))],
)
def test_sizes_of_batches(text, sizes):
    assert warmup_batches(text) == sizes


@pytest.mark.parametrize(
    "text", ["0", "129", "-1", "1;32", "1,,2", "1.5", "many", ",", "²"]
)
def test_wrong_sizes_of_batches(text):
    with pytest.raises(UserError, match="--warmup_batches must be numbers"):
        warmup_batches(text)
