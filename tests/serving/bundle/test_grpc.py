"""The generated client through gRPC, against a service in this process."""

import contextlib
from concurrent import futures

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc as service

from tests.serving.bundle.asking import assert_same, rows_of


class Service(service.PredictionServiceServicer):
    """Answers as TensorFlow Serving does."""

    def __init__(self, folder):
        self.loaded = tf.saved_model.load(str(folder))

    def Predict(self, request, context):
        spec = request.model_spec
        if spec.name != "m" or spec.version_label not in ("", "stable"):
            context.abort(grpc.StatusCode.NOT_FOUND, "no such model")
        tensors = {
            name: tf.constant(tf.make_ndarray(proto))
            for name, proto in request.inputs.items()
        }
        response = predict_pb2.PredictResponse()
        outputs = self.loaded.signatures[spec.signature_name](**tensors)
        for name, value in outputs.items():
            proto = tf.make_tensor_proto(value.numpy())
            response.outputs[name].CopyFrom(proto)
        return response


@contextlib.contextmanager
def serving(folder):
    server = grpc.server(futures.ThreadPoolExecutor(2))
    service.add_PredictionServiceServicer_to_server(Service(folder), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["image", "named", "text"])
def test_grpc_answers_as_the_cases(name, request, client):
    kind = request.getfixturevalue(name)
    signatures, labels, _, folder = kind
    module = client(kind)
    with serving(folder) as target:
        for signature in signatures:
            case = signature.cases[0]
            answers = module.predict_grpc(
                rows_of(case), signature.name, target=target, version="stable"
            )
            assert_same(answers, case.outputs, labels)


def test_an_error_of_the_server_is_told(client, named):
    module = client(named)
    rows = rows_of(named[0][0].cases[0])
    with (
        serving(named[3]) as target,
        pytest.raises(RuntimeError, match="no such model"),
    ):
        module.predict_grpc(rows, target=target, version="canary")
