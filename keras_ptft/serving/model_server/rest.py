"""TensorFlow Serving's REST API.

After `tensorflow_serving/model_servers/http_rest_api_handler.cc` and
`http_rest_api_util.cc`.
"""

import http.server
import json
import logging
import re
import sys
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from tensorflow.core.framework.types_pb2 import DataType

from keras_ptft.serving.model_server.examples import (
    classes,
    read_examples,
    regressions,
)
from keras_ptft.serving.model_server.json_tensors import (
    column_answer,
    is_by_row,
    parsed,
    read_inputs,
    row_answer,
    signature_name,
)
from keras_ptft.serving.model_server.loaded_version import LoadedVersion
from keras_ptft.serving.model_server.served_model import (
    Models,
    find_states,
    find_version,
)
from keras_ptft.serving.model_server.statuses import (
    HTTP,
    NOT_FOUND,
    StatusError,
    refused,
    status_of,
)

MOST_BYTES = 2**28
"""Longest body of a request. TensorFlow Serving has no limit."""

_LOG = logging.getLogger("keras_ptft")
# a client that says nothing for as long is gone
_SECONDS = 300.0
_VERSION = r"(?:/versions/(?P<number>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_ASKED = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<method>\w+)", re.IGNORECASE
)
_TOLD = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?P<metadata>/metadata)?",
    re.IGNORECASE,
)
# of a number that 64 bits hold
_DIGITS = 18

Answer = dict[str, Any]


class _BodyError(Exception):
    """A body that is not read; the status of HTTP, and why."""


def posted(models: Models, path: str, body: bytes) -> Answer:
    """Returns the answer to a POST.

    Args:
        models: that are served.
        path: of the URL.
        body: of the request.

    Raises:
        StatusError: there is no such model, or it refuses the request.
    """
    found = _ASKED.fullmatch(path)
    method = METHODS.get(found["method"].lower()) if found else None
    if not found or not method:
        raise refused(f"Malformed request: POST {path}")
    return method(_version(models, found), parsed(body))


def got(models: Models, path: str, body: bytes) -> Answer:
    """Returns the answer to a GET: the status of a model, or its signatures.

    Args:
        models: that are served.
        path: of the URL.
        body: of the request, which says nothing.

    Raises:
        StatusError: there is no such model.
    """
    del body
    found = _TOLD.fullmatch(path)
    if not found:
        raise refused(f"Malformed request: GET {path}")
    if not found["name"]:
        raise refused("Missing model name in request.")
    if found["metadata"]:
        return _metadata(_name(found), _version(models, found))
    return _status(models, found)


def predicted(version: LoadedVersion, request: Answer) -> Answer:
    """Answers a request of rows or of columns."""
    signature = signature_name(request)
    inputs = read_inputs(request, version.inputs(signature))
    outputs = version.predict(signature, inputs)
    return (row_answer if is_by_row(request) else column_answer)(outputs)


def classified(version: LoadedVersion, request: Answer) -> Answer:
    """Answers with the labels and scores of examples."""
    signature = signature_name(request)
    return {"results": classes(version, signature, read_examples(request))}


def regressed(version: LoadedVersion, request: Answer) -> Answer:
    """Answers with the numbers of examples."""
    signature = signature_name(request)
    return {"results": regressions(version, signature, read_examples(request))}


METHODS: Mapping[str, Callable[[LoadedVersion, Answer], Answer]] = {
    "predict": predicted,
    "classify": classified,
    "regress": regressed,
}
"""What a model can be asked for, by the end of a path."""


class RestServer(http.server.ThreadingHTTPServer):
    """Answers each connection in a thread of its own.

    Args:
        port: at 127.0.0.1; 0: any that is free.
        models: that are served.

    Raises:
        OSError: the port is taken.
    """

    # many clients may come at once
    request_queue_size = 128
    # threads of connections that stay open do not hold up the end
    daemon_threads = True

    def __init__(self, port: int, models: Models) -> None:
        self.models = models
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says in a line what broke a connection: most often its client."""
        del request, client_address
        _LOG.debug("A connection ended: %s", sys.exc_info()[1])


class _Handler(http.server.BaseHTTPRequestHandler):
    """Reads requests of a connection and writes the answers."""

    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    body_timeout = _SECONDS
    # headers and body leave together
    wbufsize = -1
    disable_nagle_algorithm = True
    server: RestServer

    def do_GET(self) -> None:
        self._reply(got)

    def do_POST(self) -> None:
        self._reply(posted)

    def handle_expect_100(self) -> bool:
        """Asks for the body of a request that is about to be read."""
        try:
            self._length()
        except _BodyError as error:
            self.send_error(*error.args)
            return False
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """Answers a request that cannot be read, and ends the connection."""
        del explain
        self.close_connection = True
        told = message or self.responses.get(code, ("", ""))[0]
        self._answer(code, {"error": told})

    def log_message(self, *_: object) -> None:
        """Says nothing of single requests, as TensorFlow Serving does."""

    def version_string(self) -> str:
        """Names who answers: not TensorFlow Serving."""
        return "keras_ptft"

    def _reply(self, respond: Callable[[Models, str, bytes], Answer]) -> None:
        try:
            body = self._body()
        except _BodyError as error:
            self.send_error(*error.args)
            return
        path = urllib.parse.urlsplit(self.path).path
        try:
            if not path.lower().startswith("/v1/"):
                raise StatusError(
                    NOT_FOUND, f"Not found: {path}: expected /v1/models/NAME"
                )
            self._answer(200, respond(self.server.models, path, body))
        except ConnectionError:
            raise
        except Exception as error:
            # one request must not end the answers to others
            status = status_of(error)
            self._answer(HTTP[status.code], {"error": status.message})

    def _answer(self, code: int, answer: Answer) -> None:
        # strings as they are, if they are UTF-8 or not
        text = json.dumps(answer, ensure_ascii=False)
        content = text.encode("utf-8", "surrogateescape")
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        length = self._length()
        self.connection.settimeout(self.body_timeout)
        try:
            body = self.rfile.read(length)
        except TimeoutError:
            raise _BodyError(408, "The body of the request is late") from None
        if len(body) < length:
            raise _BodyError(
                400,
                f"The body of the request ended after {len(body)} of {length} "
                "bytes",
            )
        self.connection.settimeout(self.timeout)
        return body

    def _length(self) -> int:
        """Bytes of the body, as the headers have them."""
        given = self.headers.get("Content-Length")
        if "Transfer-Encoding" in self.headers or (
            given is None and self.command == "POST"
        ):
            raise _BodyError(411, "Expected Content-Length in the headers")
        if not re.fullmatch("[0-9]{1,18}", given or "0"):
            raise _BodyError(400, f"Content-Length is no number: {given}")
        if int(given or 0) > MOST_BYTES:
            raise _BodyError(
                413, f"Expected at most {MOST_BYTES} bytes, got {given}"
            )
        return int(given or 0)


def _name(found: re.Match[str]) -> str:
    return urllib.parse.unquote(found["name"])


def _spec(found: re.Match[str]) -> dict[str, Any]:
    """The version that a path names, as `ServedModel.find` takes it."""
    number = found["number"]
    if number and len(number) > _DIGITS:
        raise refused(f"Failed to convert version: {number} to numeric.")
    return {
        "number": int(number) if number else None,
        "label": urllib.parse.unquote(found["label"] or ""),
    }


def _version(models: Models, found: re.Match[str]) -> LoadedVersion:
    return find_version(models, _name(found), **_spec(found))


def _status(models: Models, found: re.Match[str]) -> Answer:
    states = find_states(models, _name(found), **_spec(found))
    return {
        "model_version_status": [
            {
                "version": str(number),
                "state": state.state,
                "status": {
                    "error_code": state.fault.code if state.fault else "OK",
                    "error_message": str(state.fault or ""),
                },
            }
            for number, state in states.items()
        ]
    }


def _metadata(name: str, version: LoadedVersion) -> Answer:
    signatures = {
        signature: {
            "inputs": _tensors(definition.inputs),
            "outputs": _tensors(definition.outputs),
            "method_name": definition.method_name,
        }
        for signature, definition in version.signatures.items()
    }
    spec = {"name": name, "signature_name": "", "version": str(version.number)}
    # a map in a message in a map
    told = {"signature_def": {"signature_def": signatures}}
    return {"model_spec": spec, "metadata": told}


def _tensors(infos: Mapping[str, Any]) -> Answer:
    return {
        name: {
            "dtype": DataType.Name(info.dtype),
            "tensor_shape": {
                "dim": [
                    {"size": str(side.size), "name": side.name}
                    for side in info.tensor_shape.dim
                ],
                "unknown_rank": info.tensor_shape.unknown_rank,
            },
            "name": info.name,
        }
        for name, info in infos.items()
    }
