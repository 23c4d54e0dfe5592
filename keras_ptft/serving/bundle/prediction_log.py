"""The messages of TensorFlow Serving that a request is made of.

They are declared here because those of TensorFlow Serving come in a package
of their own, tensorflow-serving-api, whose version is tied to TensorFlow's.
Names and numbers of the fields are those of `tensorflow_serving/apis`:
`model.proto`, `predict.proto` and `prediction_log.proto`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework.tensor_pb2 import TensorProto

_TYPES = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
}
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_ONE = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_MANY = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
# a map from names to TensorProto, which on the wire is the same as bytes
_TENSORS = "tensors"
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "Int64Value": {"value": (1, "int64")},
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Int64Value"),
        "signature_name": (3, "string"),
    },
    "PredictRequest": {
        "model_spec": (1, "ModelSpec"),
        "inputs": (2, _TENSORS),
    },
    "PredictResponse": {
        "outputs": (1, _TENSORS),
        "model_spec": (2, "ModelSpec"),
    },
    "PredictLog": {
        "request": (1, "PredictRequest"),
        "response": (2, "PredictResponse"),
    },
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}
_PACKAGE = "keras_ptft.serving"


def _declared() -> dict[str, Any]:
    """The class of each message.

    In a pool of their own, where they meet no other declaration of theirs.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name="keras_ptft/prediction_log.proto",
        package=_PACKAGE,
        syntax="proto3",
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
        )
        for name in _MESSAGES
    }


def _add_field(message: Any, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=_ONE)
    if kind in _TYPES:
        field.type = _TYPES[kind]
        return
    field.type, field.type_name = _MESSAGE, f".{_PACKAGE}.{kind}"
    if kind == _TENSORS:
        entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        _add_field(entry, "key", 1, "string")
        _add_field(entry, "value", 2, "bytes")
        field.label = _MANY
        field.type_name = f".{_PACKAGE}.{message.name}.{entry.name}"


_CLASSES = _declared()
PredictRequest = _CLASSES["PredictRequest"]
PredictResponse = _CLASSES["PredictResponse"]
PredictionLog = _CLASSES["PredictionLog"]


def predict_request(
    model: str,
    signature: str,
    inputs: Mapping[str, np.ndarray],
    *,
    version: int | None = None,
) -> Any:
    """Returns a request for TensorFlow Serving's Predict.

    Args:
        model: the name it is served by.
        signature: that is called.
        inputs: of the signature, by name; strings are `bytes`.
        version: of the model; None: the one that the server prefers.

    Example:

    >>> request = predict_request("digits", "serving_default", {})
    >>> request.model_spec.name
    'digits'
    """
    request = PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for name, values in inputs.items():
        tensor = tf.make_tensor_proto(values)
        request.inputs[name] = tensor.SerializeToString()
    return request


def arrays_of(tensors: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """Returns the inputs of a request, or the outputs of a response.

    Args:
        tensors: the map in the message.

    Returns:
        Name to array; strings are `bytes`.
    """
    return {
        name: tf.make_ndarray(TensorProto.FromString(content))
        for name, content in tensors.items()
    }
