"""Requests in the two formats of REST, and as records."""

import base64
import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.serving.monitoring.json_lines import (
    is_request_log,
    logged_lines,
)
from keras_ptft.serving.monitoring.records import (
    is_record_log,
    logged_records,
)
from keras_ptft.serving.monitoring.requests import (
    Malformed,
    Request,
    fitting_inputs,
)

VECTOR = {"vector": tf.TensorSpec((None, 2), tf.float32)}
TEXT = {"text": tf.TensorSpec((None,), tf.string)}
IMAGE = {"image": tf.TensorSpec((None, 1, 1, 1), tf.uint8)}
BOTH = {**VECTOR, **TEXT}
B64 = {"b64": base64.b64encode(b"a\0\xff\0").decode()}


def logged(body, tmp_path):
    path = tmp_path / "a.log"
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    (found,) = logged_lines(path)
    return found


@pytest.mark.parametrize(
    ("body", "specs", "expected"),
    [
        ({"instances": [[1, 2], [3, 4]]}, VECTOR, [[1, 2], [3, 4]]),
        ({"inputs": [[1, 2]]}, VECTOR, [[1, 2]]),
        ({"instances": [{"vector": [1, 2]}]}, VECTOR, [[1, 2]]),
        ({"inputs": {"vector": [[1, 2]]}}, VECTOR, [[1, 2]]),
        ({"instances": ["é", B64]}, TEXT, ["é".encode(), b"a\0\xff\0"]),
        ({"instances": [{"text": B64}]}, TEXT, [b"a\0\xff\0"]),
        ({"inputs": {"text": ["a"]}}, TEXT, [b"a"]),
        ({"instances": [[[[255]]], [[[0.0]]]]}, IMAGE, [[[[255]]], [[[0]]]]),
    ],
    ids=str,
)
def test_rows_and_columns_are_one_array(body, specs, expected, tmp_path):
    request = logged(body, tmp_path)
    assert request[:2] == ("line 1", "serving_default")
    (array,) = fitting_inputs(request, specs).values()
    assert array.tolist() == expected
    spec = next(iter(specs.values()))
    assert array.dtype == spec.dtype.as_numpy_dtype


def test_several_inputs_and_a_signature(tmp_path):
    row = {"vector": [1, None], "text": "a"}
    body = {"signature_name": "other", "instances": [row, row]}
    request = logged(body, tmp_path)
    assert request.signature == "other"
    found = fitting_inputs(request, BOTH)
    np.testing.assert_array_equal(found["vector"], [[1, np.nan]] * 2)
    assert found["text"].tolist() == [b"a", b"a"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "not one of instances and inputs"),
        ('{"instances": [1], "inputs": [1]}', "not one of"),
        ('{"instances": []}', "no list of the same inputs"),
        ('{"instances": 3}', "no list of the same inputs"),
        ('{"instances": [{"a": 1}, {"b": 1}]}', "no list of the same"),
        ('{"instances": [1], "signature_name": 3}', "is no text"),
    ],
    ids=range(8),
)
def test_lines_that_are_no_request(line, reason, tmp_path):
    found = logged(line, tmp_path)
    assert isinstance(found, Malformed) and reason in found.reason


@pytest.mark.parametrize(
    ("inputs", "specs", "reason"),
    [
        ({"": [[1, 2, 3]]}, VECTOR, r"expected shape \(None, 2\) of vector"),
        ({"": [[1, 2], [3]]}, VECTOR, "numbers of one shape in vector"),
        ({"": [["a", "b"]]}, VECTOR, "numbers of one shape in vector"),
        ({"": np.zeros((0, 2))}, VECTOR, "at least 1"),
        ({"x": [[1, 2]]}, VECTOR, "expected vector, got x"),
        ({"": [[1, 2]]}, BOTH, "expected vector, text, got one without a name"),
        ({"": [[[[256]]]]}, IMAGE, "whole numbers that fit uint8 in image"),
        ({"": [[[[0.5]]]]}, IMAGE, "whole numbers that fit uint8 in image"),
        ({"": [1]}, TEXT, "expected strings in text"),
        ({"": [["a"], ["b", "c"]]}, TEXT, "expected strings in text"),
        ({"": [{"b64": "?"}]}, TEXT, "expected base64 under b64"),
        ({"text": ["a"], "vector": [[1, 2]] * 2}, BOTH, "as many examples"),
    ],
    ids=range(12),
)
def test_inputs_that_do_not_fit(inputs, specs, reason):
    with pytest.raises(ValueError, match=reason):
        fitting_inputs(Request("line 1", "serving_default", inputs), specs)


def test_json_lines_are_recognised_by_what_they_hold(tmp_path):
    path = tmp_path / "a"
    for text, found in (
        ('{"instances": [1]}', True),
        ('broken\n\n{"inputs": [1]}', True),
        ('\ufeff{"inputs": [1]}', True),
        ('{"text": "a", "label": "b"}', False),
        ("text,label\na,b\n", False),
        ("", False),
    ):
        path.write_text(text, "utf-8")
        assert is_request_log(path) is found, text
        assert not is_record_log(path)
    path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'")
    assert not is_record_log(path) and not is_request_log(path)


def predict_log(name, **arrays):
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = name
    for key, array in arrays.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(array))
    return log


def write_records(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def test_records_of_the_official_messages(tmp_path):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    other = apis.PredictionLog()
    example = tf.train.Example()
    example.features.feature["a"].float_list.value.append(3)
    asked = other.regress_log.request.input
    asked.example_list.examples.append(example)
    vector = np.array([[1, 2]], np.float32)
    path = tmp_path / "log"
    write_records(
        path,
        [
            predict_log("", vector=vector).SerializeToString(),
            predict_log("other", text=[b"a\0"]).SerializeToString(),
            other.SerializeToString(),
            b"\xff\xff",
            b"",
        ],
    )
    assert is_record_log(path) and not is_request_log(path)
    first, second, *malformed = logged_records(path)
    assert first[:2] == ("record 1", "serving_default")
    assert fitting_inputs(first, VECTOR)["vector"].tolist() == [[1, 2]]
    assert second.signature == "other"
    assert fitting_inputs(second, TEXT)["text"].tolist() == [b"a\0"]
    regress, *malformed = malformed
    assert regress.signature == "examples"
    (serialized,) = regress.inputs["examples"]
    assert tf.train.Example.FromString(serialized) == example
    assert [found.reason for found in malformed] == [
        "it is no PredictionLog",
        "expected predict_log or classify_log or regress_log, got None",
    ]


def test_what_follows_damage_is_left_out(tmp_path):
    pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = tmp_path / "log"
    record = predict_log("", x=[1.0]).SerializeToString()
    write_records(path, [record] * 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    *good, bad = logged_records(path)
    assert len(good) == 2
    assert bad == ("record 3", "it is damaged, as may be all after it")
    path.write_bytes(whole[:20] + b"?" + whole[21:])
    assert [found.place for found in logged_records(path)] == ["record 1"]


def test_a_missing_package_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    write_records(tmp_path / "log", [b"a"])
    with pytest.raises(UserError, match=r'pip install "keras_ptft\[serve\]"'):
        list(logged_records(tmp_path / "log"))
