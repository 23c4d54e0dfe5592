"""TensorFlow Serving's gRPC services, by its own messages.

They come with the package tensorflow-serving-api.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from keras_ptft.serving.model_server.examples import classes, regressions
from keras_ptft.serving.model_server.loaded_version import LoadedVersion
from keras_ptft.serving.model_server.served_model import (
    Models,
    find_states,
    find_version,
)
from keras_ptft.serving.model_server.statuses import refused, status_of

_THREADS = 16
_STATES = get_model_status_pb2.ModelVersionStatus.State
_SIGNATURES = "signature_def"


class PredictionServicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers requests.

    Args:
        models: that are served.
    """

    def __init__(self, models: Models) -> None:
        self._models = models

    def Predict(self, request: Any, context: Any) -> Any:
        """Answers with the outputs of a signature."""
        with _statuses(context):
            version = _version(self._models, request.model_spec)
            inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
            signature = request.model_spec.signature_name
            outputs = version.predict(signature, inputs)
            response = predict_pb2.PredictResponse()
            for name in _asked(request.output_filter, outputs):
                tensor = tf.make_tensor_proto(outputs[name])
                response.outputs[name].CopyFrom(tensor)
        _tell(response, request, version)
        return response

    def Classify(self, request: Any, context: Any) -> Any:
        """Answers with the labels and scores of examples."""
        with _statuses(context):
            version = _version(self._models, request.model_spec)
            name, examples = _examples(request)
            found = classes(version, name, examples)
        response = classification_pb2.ClassificationResponse()
        for row in found:
            added = response.result.classifications.add()
            for label, score in row:
                added.classes.add(label=label, score=score)
        _tell(response, request, version)
        return response

    def Regress(self, request: Any, context: Any) -> Any:
        """Answers with the numbers of examples."""
        with _statuses(context):
            version = _version(self._models, request.model_spec)
            name, examples = _examples(request)
            found = regressions(version, name, examples)
        response = regression_pb2.RegressionResponse()
        for value in found:
            response.result.regressions.add(value=value)
        _tell(response, request, version)
        return response

    def GetModelMetadata(self, request: Any, context: Any) -> Any:
        """Answers with the signatures."""
        with _statuses(context):
            if list(request.metadata_field) != [_SIGNATURES]:
                raise refused(f"Expected metadata_field {_SIGNATURES!r}")
            version = _version(self._models, request.model_spec)
        found = get_model_metadata_pb2.SignatureDefMap()
        for key, value in version.signatures.items():
            found.signature_def[key].CopyFrom(value)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata[_SIGNATURES].Pack(found)
        _tell(response, request, version)
        return response


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """Tells of models.

    Args:
        models: that are served.
    """

    def __init__(self, models: Models) -> None:
        self._models = models

    def GetModelStatus(self, request: Any, context: Any) -> Any:
        """Answers with the state of each version."""
        spec = request.model_spec
        with _statuses(context):
            states = find_states(self._models, spec.name, **_spec(spec))
        response = get_model_status_pb2.GetModelStatusResponse()
        for number, state in states.items():
            added = response.model_version_status.add(
                version=number, state=_STATES.Value(state.state)
            )
            # an empty status is OK
            added.status.SetInParent()
            if state.fault:
                code = getattr(grpc.StatusCode, state.fault.code).value[0]
                added.status.error_code = code
                added.status.error_message = state.fault.message
        return response


@contextlib.contextmanager
def serving_grpc(port: int, models: Models) -> Iterator[int]:
    """Serves models by gRPC; yields the port.

    Args:
        port: at 127.0.0.1; 0: any that is free.
        models: by name.

    Raises:
        RuntimeError: the port is taken.
    """
    server = grpc.server(
        futures.ThreadPoolExecutor(_THREADS),
        options=[
            ("grpc.max_receive_message_length", -1),
            ("grpc.so_reuseport", 0),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionServicer(models), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        ModelServicer(models), server
    )
    bound: int = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield bound
    finally:
        server.stop(None).wait()


@contextlib.contextmanager
def _statuses(context: Any) -> Iterator[None]:
    """Turns errors into those of gRPC."""
    try:
        yield
    except Exception as error:
        status = status_of(error)
        context.abort(getattr(grpc.StatusCode, status.code), status.message)


def _spec(spec: Any) -> dict[str, Any]:
    """The version that a ModelSpec names, as `ServedModel.find` takes it."""
    number = spec.version.value if spec.HasField("version") else None
    return {"number": number, "label": spec.version_label}


def _version(models: Models, spec: Any) -> LoadedVersion:
    return find_version(models, spec.name, **_spec(spec))


def _tell(response: Any, request: Any, version: LoadedVersion) -> None:
    """Says in a response which version answered."""
    response.model_spec.name = request.model_spec.name
    response.model_spec.signature_name = request.model_spec.signature_name
    response.model_spec.version.value = version.number


def _asked(names: Sequence[str], outputs: Mapping[str, Any]) -> Sequence[str]:
    """The outputs that a request wants: all, where it says nothing."""
    for name in names:
        if name not in outputs:
            raise refused(
                f"output tensor alias not found in signature: {name} Outputs "
                "expected to be in the set "
                f"{{{','.join(sorted(outputs))}}}."
            )
    return names or [*outputs]


def _examples(request: Any) -> tuple[str, list[bytes]]:
    """The signature, and the serialized examples, of a request."""
    kind = request.input.WhichOneof("kind")
    if kind is None:
        raise refused("Input is empty.")
    given = getattr(request.input, kind)
    shared = b""
    if kind == "example_list_with_context":
        shared = given.context.SerializeToString()
    found = [shared + each.SerializeToString() for each in given.examples]
    if not found:
        raise refused("Input is empty.")
    return request.model_spec.signature_name, found
