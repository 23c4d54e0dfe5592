"""The REST API, asked by HTTP.

Statuses and words are those of TensorFlow Serving's http_rest_api_handler.cc,
http_rest_api_util.cc and server_core.cc.
"""

import http.client
import json
import socket

import pytest

from keras_ptft.serving.model_server import rest

MODEL = "/v1/models/scale"
ROWS = {"signature_name": "alone", "instances": [[1, -2], [0.1, 7]]}
DOUBLED = {"predictions": [[2.0, -4.0], [0.2, 14.0]]}
OK = {"error_code": "OK", "error_message": ""}
STATUS = {
    "model_version_status": [
        {"version": "3", "state": "AVAILABLE", "status": OK}
    ]
}


@pytest.mark.parametrize("path", ["", "/labels/stable", "/versions/3"])
def test_the_status_of_a_model(ask, path):
    assert ask("GET", f"{MODEL}{path}") == (200, STATUS)


@pytest.mark.parametrize("path", ["", "/labels/stable", "/versions/3"])
def test_rows_are_answered_by_rows(ask, path):
    assert ask("POST", f"{MODEL}{path}:predict", ROWS) == (200, DOUBLED)


def test_a_query_and_capitals_are_let_be(ask):
    found = ask("POST", "/V1/Models/scale:Predict?x=1", ROWS)
    assert found == (200, DOUBLED)


def test_columns_are_answered_by_columns(ask):
    words = ["a", {"b64": "/wA="}]
    columns = {"x": [[1, 2], [3, 4]], "word": words, "more": 1}
    code, found = ask("POST", f"{MODEL}:predict", {"inputs": columns})
    assert code == 200
    assert found["outputs"]["length"] == [1, 2]
    assert found["outputs"]["scaled"] == [[2.0, 4.0], [6.0, 8.0]]
    assert found["outputs"]["word_bytes"] == [{"b64": "YQ=="}, {"b64": "/wA="}]


def test_the_signatures_of_a_model(ask):
    code, found = ask("GET", f"{MODEL}/metadata")
    assert code == 200
    spec = {"name": "scale", "signature_name": "", "version": "3"}
    assert found["model_spec"] == spec
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "alone"}
    alone = signatures["alone"]
    assert alone["method_name"] == "tensorflow/serving/predict"
    given = alone["inputs"]["x"]
    assert given["dtype"] == "DT_FLOAT"
    sides = [{"size": "-1", "name": ""}, {"size": "2", "name": ""}]
    assert given["tensor_shape"] == {"dim": sides, "unknown_rank": False}


@pytest.mark.parametrize(
    ("method", "path", "code", "told"),
    [
        ("GET", "/v1/models/other", 404, "any versions of model other"),
        ("GET", f"{MODEL}/versions/4", 404, "find version 4 of model scale"),
        ("GET", f"{MODEL}/labels/x", 400, "Unrecognized servable version lab"),
        ("GET", f"{MODEL}/labels/canary", 404, "find version 4 of model scale"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", f"{MODEL}:predict", 400, "Malformed request: GET /v1/models"),
        ("GET", f"{MODEL}/versions/{'9' * 5000}", 400, "to numeric"),
        ("GET", f"{MODEL}/versions/4/metadata", 404, "Specific(scale, 4)"),
        ("GET", "/metrics", 404, "expected /v1/models/NAME"),
        ("POST", "/v1/models/other:predict", 404, "request: Latest(other)"),
        ("POST", f"{MODEL}/versions/4:predict", 404, "Specific(scale, 4)"),
        ("POST", f"{MODEL}/labels/canary:predict", 404, "Specific(scale, 4)"),
        ("POST", f"{MODEL}:explain", 400, "Malformed request: POST"),
        ("POST", MODEL, 400, "Malformed request: POST"),
        ("DELETE", MODEL, 501, "Unsupported method"),
    ],
    ids=range(15),
)
def test_what_is_not_there(ask, method, path, code, told):
    found = ask(method, path, "{}")
    assert found[0] == code
    assert set(found[1]) == {"error"} and told in found[1]["error"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "JSON Parse error"),
        ("[1", "JSON Parse error"),
        ("[" * 100_000, "JSON Parse error"),
        ('{"instances": 1' + "0" * 5000 + "}", "JSON Parse error"),
        ("[1]", "Is not object"),
        ({"signature_name": 3, "instances": [1]}, "must be a string value"),
        ({"signature_name": "other", "instances": [1]}, '"other" not found'),
        ({"instances": [1], "inputs": [1]}, "only one of"),
        ({"signature_name": "alone"}, "Missing 'inputs' or 'instances' key"),
        ({"inputs": {"x": [[1, 2]]}}, "Missing named input: word in 'inputs'"),
        ({"instances": [{"x": [1, 2]}]}, "keys must be equal to: word,x"),
        ({"instances": [[1, 2]]}, "expecting list of objects as multiple"),
        ({"inputs": [[1, 2]]}, "expecting an object as multiple"),
        # the graph's own shape
        (
            {**ROWS, "instances": [[1, 2, 3]]},
            "have the shape (?, 2) but (1, 3)",
        ),
    ],
    ids=range(14),
)
def test_what_is_wrong_with_a_request(ask, body, told):
    code, found = ask("POST", f"{MODEL}:predict", body)
    assert code == 400
    assert told in found["error"]
    # the connection, and the server, go on
    assert ask("GET", MODEL) == (200, STATUS)


@pytest.mark.parametrize(
    ("headers", "code", "told"),
    [
        ("", 411, "Expected Content-Length"),
        ("Transfer-Encoding: chunked\r\n", 411, "Expected Content-Length"),
        ("Content-Length: -1\r\n", 400, "Content-Length is no number: -1"),
        ("Content-Length: x\r\n", 400, "Content-Length is no number: x"),
        ("Content-Length: 268435457\r\n", 413, "at most 268435456 bytes, got"),
        (
            "Content-Length: 268435457\r\nExpect: 100-continue\r\n",
            *(413, "at most 268435456 bytes, got"),
        ),
        ("Content-Length: 9\r\n", 400, "ended after 2 of 9 bytes"),
    ],
    ids=range(7),
)
def test_a_body_that_cannot_be_read(ports, headers, code, told):
    line = f"POST {MODEL}:predict HTTP/1.1\r\n{headers}\r\n"
    body = b"{}" if told.startswith("ended") else b""
    with socket.create_connection(("127.0.0.1", ports.rest)) as client:
        client.sendall(line.encode() + body)
        client.shutdown(socket.SHUT_WR)
        answer = client.makefile("rb").read().decode()
    assert answer.startswith(f"HTTP/1.1 {code} ")
    assert "Connection: close\r\n" in answer
    assert told in json.loads(answer.partition("\r\n\r\n")[2])["error"]


def test_a_client_that_waits_to_be_asked_for_the_body(ports):
    body = json.dumps(ROWS).encode()
    line = f"POST {MODEL}:predict HTTP/1.1\r\nExpect: 100-continue\r\n"
    line += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", ports.rest)) as client:
        client.sendall(line.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 100 Continue")
        client.sendall(body)
        assert client.makefile("rb").read().endswith(b"14.0]]}")


def test_a_client_that_sends_no_more(ports, monkeypatch):
    # it runs from the moment when the head of the request was read
    monkeypatch.setattr(rest._Handler, "body_timeout", 0.05)
    connection = http.client.HTTPConnection("127.0.0.1", ports.rest)
    connection.putrequest("POST", f"{MODEL}:predict")
    connection.putheader("Content-Length", "9")
    connection.endheaders(b"{")
    answer = connection.getresponse()
    assert (answer.status, b"late" in answer.read()) == (408, True)
    connection.close()


def test_a_request_line_that_is_none(ports):
    with socket.create_connection(("127.0.0.1", ports.rest)) as client:
        client.sendall(b"what is this\r\n\r\n")
        assert b'{"error": ' in client.makefile("rb").read()


def test_it_listens_here_alone(ports):
    with pytest.raises(ConnectionRefusedError):
        # another address of this machine
        socket.create_connection(("127.0.0.2", ports.rest))
