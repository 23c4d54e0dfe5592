"""Answers as TensorFlow Serving does, by gRPC and REST, from an export.

There is no tensorflow_model_server on most machines that run these tests.
This one is made of TensorFlow Serving's own messages and gRPC service, and of
what its sources say of the REST API and of its command line, so that it can
stand on the PATH as `tensorflow_model_server`:

    python tests/serving/servicer.py --port=8500 --rest_api_port=8501
        --model_name=digits --model_base_path=/models/digits
"""

import argparse
import base64
import contextlib
import http.server
import json
import pathlib
import re
import signal
import sys
import threading
import urllib.parse
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format, text_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

_URL = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/(\d+))?(:predict|/metadata)?"
)
_WARMUP = "assets.extra/tf_serving_warmup_requests"
_AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


class ServedModel:
    """The highest version of a folder, loaded and warmed up."""

    def __init__(self, name, base):
        versions = [p for p in pathlib.Path(base).iterdir() if p.name.isdigit()]
        folder = max(versions, key=lambda path: int(path.name))
        self.name, self.version = name, int(folder.name)
        self.loaded = tf.saved_model.load(str(folder))
        content = (folder / "saved_model.pb").read_bytes()
        graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
        self.signatures = {
            key: value
            for key, value in graph.signature_def.items()
            if key in self.loaded.signatures
        }
        self.warmed_up = self._warm_up(folder / _WARMUP)

    def _warm_up(self, path):
        count = 0
        if not path.exists():
            return count
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            assert log.WhichOneof("log_type") == "predict_log"
            count += 1
            assert count <= 1000, "Number of warmup records exceeds the maximum"
            request = log.predict_log.request
            self.predict(
                request.model_spec.signature_name,
                {k: tf.make_ndarray(v) for k, v in request.inputs.items()},
            )
        return count

    def check(self, name, version):
        """Raises a KeyError unless this model is asked for."""
        if name != self.name or version not in (None, self.version):
            raise KeyError(f"Servable not found for request: {name} {version}")

    def predict(self, signature, inputs):
        """Returns outputs by name; a ValueError for a wrong request."""
        signature = signature or "serving_default"
        if signature not in self.loaded.signatures:
            raise ValueError(f'Serving signature name: "{signature}" not found')
        function = self.loaded.signatures[signature]
        specs = function.structured_input_signature[1]
        if inputs.keys() != specs.keys():
            raise ValueError(f"inputs must be {sorted(specs)}")
        try:
            tensors = {
                name: tf.constant(value, specs[name].dtype)
                for name, value in inputs.items()
            }
            outputs = function(**tensors)
        except (tf.errors.OpError, TypeError) as error:
            raise ValueError(str(error)) from error
        return {name: value.numpy() for name, value in outputs.items()}

    def status(self):
        """Returns a GetModelStatusResponse."""
        response = get_model_status_pb2.GetModelStatusResponse()
        status = response.model_version_status.add()
        status.version, status.state = self.version, _AVAILABLE
        # an empty status is OK
        status.status.SetInParent()
        return response

    def metadata(self):
        """Returns a GetModelMetadataResponse with the signatures."""
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self.name
        response.model_spec.version.value = self.version
        found = get_model_metadata_pb2.SignatureDefMap()
        for key, value in self.signatures.items():
            found.signature_def[key].CopyFrom(value)
        response.metadata["signature_def"].Pack(found)
        return response


@contextlib.contextmanager
def _statuses(context):
    """Turns errors into those of gRPC."""
    try:
        yield
    except KeyError as error:
        context.abort(grpc.StatusCode.NOT_FOUND, error.args[0])
    except ValueError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


def _check_spec(model, spec):
    version = spec.version.value if spec.HasField("version") else None
    model.check(spec.name, version)


class PredictionServicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The gRPC service that answers."""

    def __init__(self, model):
        self.model = model

    def Predict(self, request, context):
        with _statuses(context):
            spec = request.model_spec
            _check_spec(self.model, spec)
            inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
            outputs = self.model.predict(spec.signature_name, inputs)
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(spec)
        for name, values in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(values))
        return response

    def GetModelMetadata(self, request, context):
        with _statuses(context):
            _check_spec(self.model, request.model_spec)
        return self.model.metadata()


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """The gRPC service that tells of models."""

    def __init__(self, model):
        self.model = model

    def GetModelStatus(self, request, context):
        with _statuses(context):
            _check_spec(self.model, request.model_spec)
        return self.model.status()


class RestServer(http.server.ThreadingHTTPServer):
    """Where it listens: many clients may come at once."""

    request_queue_size = 128


class RestHandler(http.server.BaseHTTPRequestHandler):
    """The REST API."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        def told(model, what):
            response = model.metadata() if what else model.status()
            return json_format.MessageToDict(
                response,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )

        self._answer(told)

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)

        def predicted(model, what):
            if what != ":predict":
                raise ValueError(f"Malformed request: POST {self.path}")
            return answered(model, json.loads(body))

        self._answer(predicted)

    def _answer(self, function):
        model = self.server.model
        try:
            found = _URL.fullmatch(self.path)
            if not found:
                raise ValueError(f"Malformed request: {self.path}")
            name, version, what = found.groups()
            name = urllib.parse.unquote(name)
            model.check(name, int(version) if version else None)
            code, told = 200, function(model, what)
        except KeyError as error:
            code, told = 404, {"error": error.args[0]}
        except ValueError as error:
            code, told = 400, {"error": str(error)}
        # strings as they are, if they are UTF-8 or not
        text = json.dumps(told, ensure_ascii=False)
        content = text.encode("utf-8", "surrogateescape")
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Says nothing."""


def answered(model, request):
    """Returns the response to a request, in its row or column format."""
    signature = request.get("signature_name", "serving_default")
    if signature not in model.loaded.signatures:
        raise ValueError(f'Serving signature name: "{signature}" not found')
    specs = model.loaded.signatures[signature].structured_input_signature[1]
    by_row = "instances" in request
    if by_row == ("inputs" in request):
        raise ValueError("Missing 'inputs' or 'instances' key")
    given = request["instances"] if by_row else request["inputs"]
    outputs = model.predict(signature, _inputs(given, specs, by_row))
    columns = {name: _to_json(name, array) for name, array in outputs.items()}
    if not by_row:
        return {"outputs": _unnamed(columns)}
    if len({len(array) for array in outputs.values()}) != 1:
        raise ValueError("a tensor has inconsistent batch size")
    rows = zip(*columns.values(), strict=True)
    found = [_unnamed(dict(zip(columns, row, strict=True))) for row in rows]
    return {"predictions": found}


def _inputs(given, specs, by_row):
    """Rows or columns of JSON as arrays by name."""
    first = given[0] if by_row else given
    if not isinstance(first, dict) or first.keys() == {"b64"}:
        if len(specs) > 1:
            raise ValueError("expecting objects, as there are several inputs")
        columns = dict.fromkeys(specs, given)
    elif by_row:
        if any(row.keys() != specs.keys() for row in given):
            raise ValueError(f"keys must be equal to: {sorted(specs)}")
        columns = {name: [row[name] for row in given] for name in specs}
    else:
        columns = given
    return {name: _from_json(value) for name, value in columns.items()}


def _from_json(value):
    def leaf(value):
        if isinstance(value, list):
            return [leaf(each) for each in value]
        if isinstance(value, dict):
            return base64.b64decode(value["b64"])
        return value.encode() if isinstance(value, str) else value

    found = leaf(value)
    first = found
    while isinstance(first, list) and first:
        first = first[0]
    return np.array(found, object if isinstance(first, bytes) else None)


def _to_json(name, array):
    def leaf(value):
        if isinstance(value, list):
            return [leaf(each) for each in value]
        if not isinstance(value, bytes):
            return value
        if name.endswith("_bytes"):
            return {"b64": base64.b64encode(value).decode()}
        return value.decode("utf-8", "surrogateescape")

    return leaf(array.tolist())


def _unnamed(values):
    """Values by name, or the only one without its name."""
    return values if len(values) > 1 else next(iter(values.values()))


@contextlib.contextmanager
def serving(model, port=0, rest_port=0):
    """Serves a model; yields the ports of gRPC and of the REST API."""
    server = grpc.server(
        futures.ThreadPoolExecutor(16),
        options=[("grpc.max_receive_message_length", -1)],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionServicer(model), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        ModelServicer(model), server
    )
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    rest = RestServer(("127.0.0.1", rest_port), RestHandler)
    rest.model = model
    thread = threading.Thread(target=rest.serve_forever)
    thread.start()
    try:
        yield port, rest.server_port
    finally:
        rest.shutdown()
        thread.join()
        rest.server_close()
        server.stop(None).wait()


def _read_words(words):
    """Reads the command line, as far as the program here uses it."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in (
        "port",
        "rest_api_port",
        "max_num_load_retries",
        "model_config_file_poll_wait_seconds",
    ):
        parser.add_argument(f"--{name}", type=int, default=0)
    for name in ("model_name", "model_base_path", "model_config_file"):
        parser.add_argument(f"--{name}")
    for name in ("batching_parameters_file", "monitoring_config_file"):
        parser.add_argument(f"--{name}", type=pathlib.Path)
    for name in (
        "enable_batching",
        "allow_version_labels_for_unavailable_models",
    ):
        parser.add_argument(f"--{name}", choices=("true", "false"))
    given = parser.parse_args(words)
    for path in (given.batching_parameters_file, given.monitoring_config_file):
        if path and not path.read_text(encoding="utf-8"):
            parser.error(f"{path} is empty")
    if given.batching_parameters_file and given.enable_batching != "true":
        parser.error("batching_parameters_file without enable_batching")
    if given.model_config_file:
        text = pathlib.Path(given.model_config_file).read_text(encoding="utf-8")
        config = model_server_config_pb2.ModelServerConfig()
        text_format.Parse(text, config)
        (only,) = config.model_config_list.config
        given.model_name, given.model_base_path = only.name, only.base_path
    return given


def main(words):
    """Serves until SIGTERM or SIGINT."""
    given = _read_words(words)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    model = ServedModel(given.model_name, given.model_base_path)
    with serving(model, given.port, given.rest_api_port) as (port, rest_port):
        print(f"Running gRPC ModelServer at 0.0.0.0:{port} ...", flush=True)
        print(
            f"Exporting HTTP/REST API at:localhost:{rest_port} ...", flush=True
        )
        stopped.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
