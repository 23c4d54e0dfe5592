"""Our messages are those of TensorFlow Serving, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
)

from keras_ptft.serving.bundle import prediction_log
from keras_ptft.serving.bundle.prediction_log import (
    PredictionLog,
    PredictRequest,
    PredictResponse,
    arrays_of,
    predict_request,
)

OFFICIAL = {
    "ModelSpec": model_pb2.ModelSpec,
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "PredictLog": prediction_log_pb2.PredictLog,
    "PredictionLog": prediction_log_pb2.PredictionLog,
}
INPUTS = {
    "x": np.array([[1.5, -2.0]], np.float32),
    "pixels": np.arange(12, dtype=np.uint8).reshape(1, 2, 3, 2),
    "text": np.array([b"\xff\0", "猫".encode()], object),
    "count": np.array([2**40], np.int64),
}


def has_same_values(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("name", sorted(OFFICIAL))
def test_fields_have_the_numbers_of_the_official_ones(name):
    official = OFFICIAL[name].DESCRIPTOR.fields_by_name
    for field, (number, _) in prediction_log._MESSAGES[name].items():
        assert official[field].number == number


def test_every_message_is_compared():
    wrapper = {"Int64Value"}
    assert prediction_log._MESSAGES.keys() == OFFICIAL.keys() | wrapper


def test_the_official_message_reads_a_request_and_we_read_it_back():
    request = predict_request("cats", "tokens", INPUTS, version=7)
    read = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    spec = read.model_spec
    assert (spec.name, spec.signature_name) == ("cats", "tokens")
    assert spec.version.value == 7
    found = {name: tf.make_ndarray(t) for name, t in read.inputs.items()}
    has_same_values(found, INPUTS)
    again = PredictRequest.FromString(read.SerializeToString())
    has_same_values(arrays_of(again.inputs), INPUTS)
    # the same meaning in both directions: nothing was dropped or made up
    last = predict_pb2.PredictRequest.FromString(again.SerializeToString())
    assert last == read


def test_without_a_version_none_is_asked_for():
    request = predict_request("cats", "serving_default", {})
    read = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    assert not read.model_spec.HasField("version")


def test_a_record_is_of_the_kind_that_warms_up():
    log = PredictionLog()
    log.predict_log.request.CopyFrom(predict_request("cats", "a", INPUTS))
    read = prediction_log_pb2.PredictionLog.FromString(log.SerializeToString())
    assert read.WhichOneof("log_type") == "predict_log"
    assert read.predict_log.request.model_spec.name == "cats"


def test_an_official_response_is_read():
    response = predict_pb2.PredictResponse()
    for name, array in INPUTS.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(array))
    read = PredictResponse.FromString(response.SerializeToString())
    has_same_values(arrays_of(read.outputs), INPUTS)
