import ast
import json
import pathlib
import socketserver
import subprocess
import sys
import threading

import numpy as np
import pytest

from keras_ptft.serving.bundle.client import client_source
from keras_ptft.serving.bundle.descriptions import describe, example_argument
from tests.serving.bundle.asking import assert_same, rows_of, source_of

RUFF = pathlib.Path(sys.executable).with_name("ruff")
KINDS = ["image", "named", "tags", "text", "vector"]


@pytest.fixture
def called(tmp_path, monkeypatch):
    """(kind of input, arguments) → what its client does, by itself."""
    monkeypatch.chdir(tmp_path)

    def called(kind, *arguments):
        path = tmp_path / "client.py"
        path.write_text(source_of(kind), encoding="utf-8")
        # no package is there but the standard library
        command = [sys.executable, "-I", "-S", str(path), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False
        )

    return called


@pytest.mark.parametrize("name", KINDS)
def test_every_signature_answers_its_cases(name, request, client, url_of):
    kind = request.getfixturevalue(name)
    signatures, labels, _, folder = kind
    module = client(kind)
    for signature in signatures:
        case = signature.cases[0]
        answers = module.predict(
            rows_of(case), signature.name, url=url_of(folder), version="1"
        )
        assert len(answers) == len(rows_of(case))
        assert_same(answers, case.outputs, labels)


@pytest.mark.parametrize("name", KINDS)
def test_a_client_has_the_form_of_ruff(name, request):
    source = source_of(request.getfixturevalue(name))
    ast.parse(source)
    command = [RUFF, "format", "--isolated", "--line-length=80", "--diff"]
    done = subprocess.run(
        [*command, "--target-version=py39", "--stdin-filename=client.py", "-"],
        input=source,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_names_are_written_as_they_are(client, vector):
    module = client(vector)
    named = (module.LABELS, module.COLUMNS, module.SCORES)
    scores = ["logits", "probabilities"]
    assert named == (list(vector[1]), list(vector[2]), scores)


def test_image_files(called, image, url_of):
    signatures, labels, _, folder = image
    assert example_argument(describe(signatures)) == "photo.jpg"
    case = signatures[1].cases[0]
    names = [f"{index}.png" for index in range(3)]
    for name, content in zip(names, case.inputs["bytes"], strict=False):
        pathlib.Path(name).write_bytes(content)
    done = called(image, "--url", url_of(folder), *names)
    assert done.stderr == ""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["input"] for answer in answers] == names
    outputs = {name: rows[:3] for name, rows in case.outputs.items()}
    assert_same(answers, outputs, labels)
    best = outputs["logits"].argmax(1)
    assert [answer["label"] for answer in answers] == [labels[i] for i in best]


def test_texts_and_a_file_of_texts(called, text, url_of):
    signatures, _, _, folder = text
    assert example_argument(describe(signatures)) == '"some text"'
    texts = ["freeze my card", "会下雨吗"]
    pathlib.Path("texts.txt").write_text("\n".join(texts), encoding="utf-8")
    done = called(text, "--url", url_of(folder), *texts, "texts.txt")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    names = [*texts, "texts.txt[0]", "texts.txt[1]"]
    assert [answer.pop("input") for answer in answers] == names
    assert answers[:2] == answers[2:]


def test_tables_and_rows(called, vector, url_of):
    signatures, labels, _, folder = vector
    assert example_argument(describe(signatures)) == "rows.json"
    case = signatures[0].cases[0]
    rows = case.inputs["vector"]
    pathlib.Path("rows.json").write_text(json.dumps(rows.tolist()))
    lines = ["ash,extra,alcohol,malic acid"]
    lines += [f"{ash},x,{alcohol},{acid}" for alcohol, acid, ash in rows]
    pathlib.Path("rows.csv").write_text("\n".join(lines))
    for name in ("rows.json", "rows.csv"):
        done = called(vector, "--url", url_of(folder), name)
        assert done.stderr == ""
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert_same(answers, case.outputs, labels)


def test_a_table_of_named_inputs(client, named, url_of, tmp_path):
    module = client(named)
    path = tmp_path / "rows.csv"
    path.write_text("size,age\n1.5,30\n")
    types = {"age": "int32", "size": "float32"}
    assert module.table(path, types) == [{"age": 30, "size": 1.5}]
    case = named[0][0].cases[0]
    found = module.predict(rows_of(case), url=url_of(named[3]))
    assert list(found[0]) == ["value"]


def test_many_rows_are_several_requests(client, vector, url_of):
    module = client(vector)
    case = vector[0][0].cases[0]
    rows = list(np.tile(case.inputs["vector"], (40, 1)))
    found = module.predict(rows, url=url_of(vector[3]), version="stable")
    assert len(found) == 80 > module.BATCH
    assert found[:2] == found[-2:]


@pytest.fixture
def not_http():
    """The URL of a server that answers in another protocol."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(100_000)
            self.request.sendall(b"\0\0\x18\x04\n\0")

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_what_a_server_repeats_is_cut_short(client, vector):
    line = client(vector).line
    assert line("a\n b") == "a b"
    assert line("\0") == r"'\x00'"
    assert len(line("x" * 10_000)) == 503


def test_a_blank_line_is_no_row(client, vector, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("ash,malic acid,alcohol\n1,2,3\n\n")
    types = {"vector": "float32"}
    assert client(vector).table(path, types) == [[3, 2, 1]]


def test_a_request_has_no_more_examples_than_the_model_takes(vector):
    signatures, labels, columns, _ = vector
    for most, told in ((0, 32), (7, 7), (4096, 32)):
        source = client_source(
            "m",
            signatures,
            label_names=labels,
            columns=columns,
            largest_batch=most,
        )
        assert f"\nBATCH = {told}\n" in source


def test_what_goes_wrong_is_one_line(called, vector, url_of, not_http):
    folder = vector[3]
    for name, content in (
        ("rows.csv", "ash,alcohol\n1,2\n"),
        ("words.csv", "ash,alcohol,malic acid\n1,2,3\n1,two,3\n"),
        ("ragged.csv", "ash,alcohol,malic acid\n1,2\n"),
        ("empty.csv", "\n"),
        ("body.json", '{"instances": [[1, 2, 3]]}'),
        ("short.json", "[[1, 2]]"),
    ):
        pathlib.Path(name).write_text(content)
    url = ["--url", url_of(folder)]
    for words, told in (
        (["--url=http://127.0.0.1:1", "short.json"], ":predict: [Errno"),
        (["--url=127.0.0.1", "short.json"], "unknown url type"),
        ([f"--url={not_http}", "short.json"], r"\x04"),
        (["--grpc=127.0.0.1:1", "short.json"], "No module named"),
        ([*url, "words.csv"], "words.csv: expected numbers, got 1,two,3"),
        ([*url, "ragged.csv"], "ragged.csv: expected numbers, got 1,2"),
        ([*url, "empty.csv"], "empty.csv is empty"),
        ([*url, "body.json"], "body.json: expected a list of rows"),
        ([*url, "--version=7", "short.json"], "404"),
        ([*url, "short.json"], "answered 400"),
        ([*url, "rows.csv"], "rows.csv has no column malic acid"),
        ([*url, "client.py"], "client.py: expected .json or .csv"),
        ([*url, "none.csv"], "none.csv"),
    ):
        done = called(vector, *words)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert told in done.stderr
