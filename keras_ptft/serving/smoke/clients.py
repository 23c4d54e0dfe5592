"""Sends requests to TensorFlow Serving by gRPC and by REST."""

import base64
import contextlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
import numpy as np

from keras_ptft.serving.bundle.prediction_log import (
    PredictResponse,
    arrays_of,
    predict_request,
)
from keras_ptft.serving.signatures.signature import Arrays
from keras_ptft.serving.smoke.address import Address

Predict = Callable[[str, Arrays], Arrays]
"""(signature, inputs by name) → outputs by name."""

_METHOD = "/tensorflow.serving.PredictionService/Predict"
_SECONDS = 300.0
# a server of this machine is not asked through a proxy
_GRPC_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RefusedError(Exception):
    """The server did not answer; the message says why."""


@contextlib.contextmanager
def grpc_client(address: Address, version: int) -> Iterator[Predict]:
    """Yields a function that asks a server by gRPC.

    Args:
        address: of the server.
        version: of the model that is asked.
    """
    target = f"{address.host}:{address.port}"
    with grpc.insecure_channel(target, options=_GRPC_OPTIONS) as channel:
        call = channel.unary_unary(
            _METHOD,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=PredictResponse.FromString,
        )

        def predict(signature: str, inputs: Arrays) -> Arrays:
            request = predict_request(
                address.model, signature, inputs, version=version
            )
            try:
                return arrays_of(call(request, timeout=_SECONDS).outputs)
            except grpc.RpcError as error:
                code, details = error.code().name, error.details()
                raise RefusedError(f"{code}: {details}") from error

        yield predict


@contextlib.contextmanager
def rest_client(address: Address, version: int) -> Iterator[Predict]:
    """Yields a function that asks a server by its REST API.

    It sends columns, since the outputs of a signature need not have a row
    for each example.

    Args:
        address: of the server.
        version: of the model that is asked.
    """
    url = f"{address.url}/versions/{version}:predict"

    def predict(signature: str, inputs: Arrays) -> Arrays:
        columns = {name: _to_json(array) for name, array in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": columns})
        try:
            with _DIRECT.open(url, body.encode(), timeout=_SECONDS) as answer:
                return _outputs(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(_told(error.read())) from error
        except (OSError, ValueError) as error:
            raise RefusedError(str(error)) from error

    yield predict


CLIENTS: Mapping[str, Any] = {"gRPC": grpc_client, "REST": rest_client}
"""How a server can be asked."""


def _to_json(array: np.ndarray) -> Any:
    if array.dtype.kind not in "OSU":
        return array.tolist()
    # text may be no UTF-8, which JSON must be
    return _mapped(
        array.tolist(), lambda x: {"b64": base64.b64encode(x).decode()}
    )


def _outputs(body: bytes) -> dict[str, np.ndarray]:
    """The outputs in a response, of which a single one has no name."""
    # TensorFlow Serving writes strings as they are, if they are UTF-8 or not
    answer = json.loads(body.decode("utf-8", "surrogateescape"))
    found = answer["outputs"]
    if not isinstance(found, dict) or found.keys() == {"b64"}:
        found = {"": found}
    return {name: _from_json(value) for name, value in found.items()}


def _from_json(value: Any) -> np.ndarray:
    first = value
    while isinstance(first, list) and first:
        first = first[0]
    if isinstance(first, str | dict):
        return np.array(_mapped(value, _to_bytes), object)
    return np.array(value)


def _to_bytes(value: Any) -> bytes:
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    content: bytes = value.encode("utf-8", "surrogateescape")
    return content


def _mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        return [_mapped(each, function) for each in value]
    return function(value)


def _told(body: bytes) -> str:
    """What an error of the REST API says."""
    text = body.decode("utf-8", "replace")
    with contextlib.suppress(ValueError, TypeError, KeyError):
        text = str(json.loads(text)["error"])
    return " ".join(text.split())
