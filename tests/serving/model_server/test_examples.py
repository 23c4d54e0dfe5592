"""Classify and Regress, by REST and by gRPC."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from keras_ptft.serving.signatures.examples import (
    api_signature,
    classes_of,
    example_signature,
    regression_of,
)
from keras_ptft.serving.signatures.signature import (
    Signature,
    cases,
    write_saved_model,
)
from tests.serving.in_process import served_model, serving

X = np.array([[0.25, 1.0]], np.float32)
MODEL = "/v1/models/odds"


def answer(x):
    """Of cats, and of dogs; and a sum."""
    return {
        "probabilities": tf.stack([x[:, 0], 1 - x[:, 0]], 1),
        "value": x[:, 0] + x[:, 1],
    }


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    expected = {k: v.numpy() for k, v in answer(tf.constant(X)).items()}
    spec = {"x": tf.TensorSpec((None, 2), tf.float32)}
    proofs = cases({"x": X}, expected)
    default = Signature("serving_default", answer, spec, proofs)
    examples = example_signature(default, {})
    base = tmp_path_factory.mktemp("odds")
    classify = api_signature(examples, "classify", classes_of(("cat", "dog")))
    regress = api_signature(examples, "regress", regression_of)
    write_saved_model(base / "1", [default, classify, regress])
    with serving(served_model("odds", base)) as ports:
        yield ports


def asking(name, *examples, **more):
    return {"signature_name": name, "examples": examples, **more}


def test_labels_and_scores(ask):
    found = ask(
        *("POST", f"{MODEL}:classify"),
        asking("classify", {"x": [0.25, 1.0]}, {"x": [0.5, 0.0]}),
    )
    first = [["cat", 0.25], ["dog", 0.75]]
    second = [["cat", 0.5], ["dog", 0.5]]
    assert found == (200, {"results": [first, second]})


def test_a_context_stands_for_what_an_example_lacks(ask):
    body = asking("regress", {}, {"x": [2.0, 3.0]}, context={"x": [0.5, 0.0]})
    found = ask("POST", f"{MODEL}/versions/1:regress", body)
    assert found == (200, {"results": [0.5, 5.0]})


@pytest.mark.parametrize(
    ("method", "body", "told"),
    [
        ("classify", {}, "key 'examples' is expected and was not found"),
        ("classify", {"examples": 1}, "value to be an list/array"),
        ("classify", {"examples": []}, "value is an empty array"),
        ("classify", asking("", {"x": [1.0, 2.0]}), "taken by signature ''"),
        ("classify", asking("none", {"x": [1.0]}), '"none" not found'),
        ("classify", asking("classify", [1]), "must be JSON object"),
        ("classify", asking("classify", {"x": None}), "unexpected JSON type"),
        ("classify", asking("classify", {"x": [{}]}), "unexpected JSON type"),
        ("classify", asking("classify", {"x": [[1]]}), "unexpected JSON type"),
        ("classify", asking("classify", {"x": [1.0, 2]}), "expecting one of"),
        ("classify", asking("classify", {"x": [2**63]}), "Feature: x: "),
        ("classify", asking("classify", {"x": [3.5e38, 1.0]}), "3.5e+38 to f"),
        # whole numbers where the graph reads floats
        ("classify", asking("classify", {"x": [1, 2]}), "Data types don't"),
        ("classify", asking("regress", {"x": [1.0, 2.0]}), '"classes" or'),
        ("regress", asking("classify", {"x": [1.0, 2.0]}), "No regression"),
    ],
    ids=range(15),
)
def test_what_is_refused(ask, method, body, told):
    code, found = ask("POST", f"{MODEL}:{method}", body)
    assert code == 400
    assert told in found["error"]


def test_by_grpc(ports):
    with grpc.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name = "odds"
        request.model_spec.signature_name = "classify"
        example = request.input.example_list.examples.add()
        feature = example.features.feature["x"]
        feature.float_list.value.extend([0.25, 1.0])
        (found,) = stub.Classify(request).result.classifications
        pairs = [(each.label, each.score) for each in found.classes]
        assert pairs == [("cat", 0.25), ("dog", 0.75)]

        asked = regression_pb2.RegressionRequest()
        asked.model_spec.name = "odds"
        asked.model_spec.signature_name = "regress"
        context = asked.input.example_list_with_context
        context.context.CopyFrom(example)
        context.examples.add()
        response = stub.Regress(asked)
        assert [each.value for each in response.result.regressions] == [1.25]
        assert response.model_spec.version.value == 1
        asked.input.Clear()
        with pytest.raises(grpc.RpcError, match="Input is empty"):
            stub.Regress(asked)
