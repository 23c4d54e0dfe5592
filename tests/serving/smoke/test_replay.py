"""Requests of a warm-up, sent to a server of TensorFlow Serving's protocol."""

import concurrent.futures
import contextlib
import json
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from keras_ptft.serving.bundle.warmup import read_warmup, write_warmup
from keras_ptft.serving.export import EXTRA
from keras_ptft.serving.signatures.signature import write_saved_model
from keras_ptft.serving.signatures.text import text_signatures
from keras_ptft.serving.smoke import replay as replaying
from keras_ptft.serving.smoke.address import Address
from keras_ptft.serving.smoke.clients import CLIENTS, RefusedError
from keras_ptft.serving.smoke.replay import replay
from tests.serving.conftest import KINDS, TAGS
from tests.serving.in_process import served_model, serving

X = [[1.0, -2.0], [0.25, 8.0]]


@contextlib.contextmanager
def served(base):
    """Yields the address of a server in this process, and its model."""
    model = served_model("scale", base)
    with serving(model) as ports:
        yield Address("scale", ports.grpc, ports.rest), model


@contextlib.contextmanager
def asking(address, version=3):
    """Yields every client of a server, by name."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(client(address, version))
            for name, client in CLIENTS.items()
        }


@pytest.fixture(scope="module")
def right(base):
    with served(base) as (address, model):
        yield address, model


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(replaying, "_REPEATS", 3)


def post(address, **request):
    body = json.dumps(request).encode()
    with urllib.request.urlopen(f"{address.url}:predict", body) as answer:
        return json.load(answer)


@pytest.mark.usefixtures("few")
def test_right_answers(base, right):
    address, model = right
    assert model.find().warmed_up == 4
    with asking(address) as clients:
        trials = list(replay(base / "3", clients))
    assert [(t.signature, t.batch, t.client) for t in trials] == [
        (signature, batch, client)
        for batch in (1, 8)
        for signature in ("serving_default", "alone")
        for client in ("gRPC", "REST")
    ]
    assert {t.fault for t in trials} == {""}
    assert max(t.difference for t in trials) < 1e-6
    assert {len(t.seconds) for t in trials} == {3}
    for trial in trials:
        assert 0 < trial.milliseconds(50) <= trial.milliseconds(99)


@pytest.mark.usefixtures("few")
def test_a_server_of_other_weights(base, make_base):
    with (
        served(make_base(2.5)) as (address, _),
        asking(address) as clients,
    ):
        trials = list(replay(base / "3", clients))
    # 0.5 · 7 of 14 in the last row, and 0.5 · 300 of 600 in another
    assert {t.difference for t in trials} == {0.25}
    faults = {"it differs by 0.25, expected at most 0.0001"}
    assert {t.fault for t in trials} == faults


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_what_is_refused_is_told(right, name):
    address, _ = right
    x = {"x": np.array(X, np.float32)}
    with asking(address) as clients, asking(address, 4) as later:
        with pytest.raises(RefusedError, match='name: "other" not found'):
            clients[name]("other", x)
        with pytest.raises(RefusedError, match=r"Missing .*word"):
            clients[name]("serving_default", x)
        with pytest.raises(RefusedError, match="Servable not found"):
            later[name]("alone", x)


def test_strings_of_any_bytes_survive(base, right):
    address, _ = right
    _, _, request, _ = read_warmup(base / "3" / EXTRA)
    with asking(address) as clients:
        for predict in clients.values():
            outputs = predict(*request)
            for name in ("word", "word_bytes"):
                words = outputs[name].tolist()
                assert words == request.inputs["word"].tolist()
                assert b"\xff\0" in words


def test_the_row_format(right):
    address, _ = right
    rows = [{"x": x, "word": word} for x, word in zip(X, "ab", strict=True)]
    predictions = post(address, instances=rows)["predictions"]
    assert [row["scaled"] for row in predictions] == [[2, -4], [0.5, 16]]
    assert [row["word_bytes"] for row in predictions] == [
        {"b64": "YQ=="},
        {"b64": "Yg=="},
    ]
    # one input and one output need no names
    found = post(address, signature_name="alone", instances=X)
    assert found == {"predictions": [[2, -4], [0.5, 16]]}
    found = post(address, signature_name="alone", inputs=X)
    assert found == {"outputs": [[2, -4], [0.5, 16]]}


@pytest.mark.parametrize(
    "body", [b"{}", b"[", b'{"inputs": 1, "instances": 1}']
)
def test_a_malformed_request(right, body):
    address, _ = right
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{address.url}:predict", body)
    with caught.value as error:
        assert error.code == 400
        assert set(json.load(error)) == {"error"}


def test_the_official_client_reads_status_and_signatures(right):
    address, _ = right
    target = f"{address.host}:{address.port}"
    with grpc.insecure_channel(target) as channel:
        asked = get_model_status_pb2.GetModelStatusRequest()
        asked.model_spec.name = "scale"
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        (status,) = stub.GetModelStatus(asked).model_version_status
        assert (status.version, status.state) == (3, 30)

        asked = get_model_metadata_pb2.GetModelMetadataRequest()
        asked.model_spec.name = "scale"
        asked.metadata_field.append("signature_def")
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        found = get_model_metadata_pb2.SignatureDefMap()
        metadata = stub.GetModelMetadata(asked).metadata
        metadata["signature_def"].Unpack(found)
    assert set(found.signature_def) == {"serving_default", "alone"}
    assert set(found.signature_def["serving_default"].inputs) == {"x", "word"}


def test_a_server_that_is_gone(base):
    with served(base) as (address, _):
        pass
    with asking(address) as clients:
        trials = list(replay(base / "3", clients))
    assert all(trial.fault and not trial.seconds for trial in trials)


@pytest.mark.slow
@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("kind", ["pictures", "tags", "texts"])
def test_exports_of_every_kind(kind, tmp_path, request):
    def given(name):
        return request.getfixturevalue(name)

    if kind == "pictures":
        signatures = given("digit_signatures")
    else:
        tagging = kind == "tags"
        signatures = text_signatures(
            given("tagger" if tagging else "text_model"),
            given("tokenizer"),
            TAGS if tagging else KINDS,
            *given("tagged_examples" if tagging else "text_examples"),
            tagging=tagging,
        )
    (tmp_path / "3" / EXTRA).mkdir(parents=True)
    write_saved_model(tmp_path / "3", signatures)
    write_warmup(tmp_path / "3" / EXTRA, "scale", signatures, (1, 20))
    with served(tmp_path) as (address, _), asking(address) as clients:
        trials = list(replay(tmp_path / "3", clients))
    assert {t.signature for t in trials} == {s.name for s in signatures}
    assert len(trials) == 4 * len(signatures)
    assert {t.fault for t in trials} == {""}
    assert max(t.difference for t in trials) < 1e-5


@pytest.mark.slow
def test_sixteen_clients_at_once_get_their_own_answers(right):
    address, _ = right
    with asking(address) as clients:

        def asked(number):
            x = np.full((1 + number % 3, 2), number, np.float32)
            for predict in clients.values():
                (scaled,) = predict("alone", {"x": x}).values()
                np.testing.assert_array_equal(scaled, 2 * x)
            return number

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert list(pool.map(asked, range(160))) == list(range(160))
