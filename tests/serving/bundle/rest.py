"""A server that answers as TensorFlow Serving's REST API does.

After tensorflow_serving/util/json_tensor.cc: values of the wrong kind, rows of
different shapes and missing inputs are refused.
"""

import base64
import contextlib
import http.server
import json
import re
import threading

import numpy as np
import tensorflow as tf


class Refused(Exception):
    """What is wrong with a request."""


@contextlib.contextmanager
def serving(name, folder):
    """Serves the signatures of a SavedModel; gives the URL of the server."""
    loaded = tf.saved_model.load(str(folder))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path != f"/v1/models/{name}":
                return self.answer(404, {"error": f"not found: {self.path}"})
            state = {"version": folder.name, "state": "AVAILABLE"}
            return self.answer(200, {"model_version_status": [state]})

        def do_POST(self):
            version = f"(/versions/{folder.name}|/labels/stable)?"
            if not re.fullmatch(
                f"/v1/models/{name}{version}:predict", self.path
            ):
                return self.answer(404, {"error": f"not found: {self.path}"})
            length = int(self.headers["Content-Length"])
            try:
                body = json.loads(self.rfile.read(length))
                return self.answer(200, predicted(loaded, body))
            except (Refused, tf.errors.OpError) as error:
                return self.answer(400, {"error": str(error)})

        def answer(self, code, body):
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words):
            del words

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def predicted(loaded, body):
    """The answer to a request, as JSON."""
    name = body.get("signature_name", "serving_default")
    if name not in loaded.signatures:
        raise Refused(f"Serving signature name: {name} not found")
    signature = loaded.signatures[name]
    specs = signature.structured_input_signature[1]
    if ("instances" in body) == ("inputs" in body):
        raise Refused("expecting one of 'inputs' or 'instances'")
    of_rows = "instances" in body
    given = body["instances"] if of_rows else body["inputs"]
    columns = _of_rows(given, specs) if of_rows else _of_columns(given, specs)
    tensors = {key: _tensor(columns[key], specs[key]) for key in specs}
    outputs = {k: _json(k, v.numpy()) for k, v in signature(**tensors).items()}
    if len(outputs) == 1:
        found = next(iter(outputs.values()))
    elif of_rows:
        rows = zip(*outputs.values(), strict=True)
        found = [dict(zip(outputs, row, strict=True)) for row in rows]
    else:
        found = outputs
    return {"predictions" if of_rows else "outputs": found}


def _is_base64(value):
    return isinstance(value, dict) and list(value) == ["b64"]


def _of_rows(rows, specs):
    if not isinstance(rows, list) or not rows:
        raise Refused("No values in 'instances' array")
    are_objects = isinstance(rows[0], dict) and not _is_base64(rows[0])
    if not are_objects:
        if len(specs) > 1:
            raise Refused("instances is a plain list, expecting objects")
        return {next(iter(specs)): rows}
    if any(set(row) != set(specs) for row in rows):
        raise Refused(f"keys must be equal to: {', '.join(sorted(specs))}")
    return {key: [row[key] for row in rows] for key in specs}


def _of_columns(columns, specs):
    if not isinstance(columns, dict) or _is_base64(columns):
        if len(specs) > 1:
            raise Refused("inputs is a plain list, expecting an object")
        return {next(iter(specs)): columns}
    if missing := set(specs) - set(columns):
        raise Refused(f"Missing named input: {min(missing)}")
    return columns


def _tensor(value, spec):
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    flat = []
    _fill(value, shape, spec.dtype, flat)
    array = np.array(flat, object if spec.dtype == tf.string else None)
    tensor = tf.constant(array.reshape(shape), spec.dtype)
    if not spec.shape.is_compatible_with(tensor.shape):
        raise Refused(f"shape {tensor.shape} is not compatible with {spec}")
    return tensor


def _fill(value, shape, dtype, flat):
    if not isinstance(value, list):
        if shape:
            raise Refused(f"{value} found at incorrect level")
        flat.append(_element(value, dtype))
    elif not shape or len(value) != shape[0]:
        raise Refused("Encountered list at unexpected size")
    else:
        for item in value:
            _fill(item, shape[1:], dtype, flat)


def _element(value, dtype):
    kinds = {tf.string: str, tf.bool: bool}
    if dtype == tf.string and _is_base64(value):
        return base64.b64decode(value["b64"], validate=True)
    if dtype == tf.string and isinstance(value, str):
        return value.encode()
    number = int if dtype.is_integer else (int, float)
    if dtype == tf.string or not isinstance(value, kinds.get(dtype, number)):
        raise Refused(f"JSON Value: {value} is not of expected type: {dtype}")
    return value


def _json(name, array):
    if array.dtype != object:
        return array.tolist()
    as_bytes = name.endswith("_bytes")
    flat = [
        {"b64": base64.b64encode(string).decode()}
        if as_bytes
        else string.decode("utf-8", "replace")
        for string in array.ravel().tolist()
    ]
    made = np.empty(array.size, object)
    made[:] = flat
    return made.reshape(array.shape).tolist()
