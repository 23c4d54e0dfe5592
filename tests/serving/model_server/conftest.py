"""A server in this process, of a model that scales rows."""

import http.client
import json

import pytest

from tests.serving.in_process import served_model, serving


@pytest.fixture(scope="module")
def ports(base):
    """Where version 3 of `base` is served, which is labelled stable."""
    model = served_model("scale", base, labels={"stable": 3, "canary": 4})
    with serving(model) as ports:
        yield ports


@pytest.fixture
def ask(ports):
    """(method, path, body, headers) → the status, and what it answers."""
    connection = http.client.HTTPConnection("127.0.0.1", ports.rest)

    def ask(method, path, body=None, **headers):
        if isinstance(body, dict):
            body = json.dumps(body)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        kind = answer.headers["Content-Type"]
        content = answer.read()
        assert kind == "application/json"
        return answer.status, json.loads(
            content.decode("utf-8", "surrogateescape")
        )

    yield ask
    connection.close()
