"""`keras-ptft serve`, with programs that stand for a server."""

import os
import pathlib
import re
import shlex
import signal
import socket
import sys
import urllib.error
import urllib.request

import pytest

from keras_ptft import main
from keras_ptft.errors import UserError
from keras_ptft.serving.smoke.address import local_address
from keras_ptft.serving.smoke.settings import ServeConfig
from tests.conftest import ROOT
from tests.states import started, wait_until

# tells of its versions as the REST API does, and of itself in a file
SERVER = """
import http.server, json, os, pathlib, sys
flags = dict(word[2:].split("=", 1) for word in sys.argv[2:])

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"model_version_status": json.loads(sys.argv[1])})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())
        print("asked", flush=True)

    def log_message(self, *_):
        pass

address = "127.0.0.1", int(flags["rest_api_port"])
server = http.server.HTTPServer(address, Handler)
pathlib.Path("pid").write_text(str(os.getpid()))
server.serve_forever()
"""
STATUS = '{"version": "3", "state": "%s", "status": {%s}}'
OK = '"error_code": "OK", "error_message": ""'
AVAILABLE = STATUS % ("AVAILABLE", OK)
ANY = ["--port=0", "--rest_port=0"]


@pytest.fixture
def scale(tmp_path, monkeypatch):
    """A folder with a version that no program here looks into."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scale" / "3").mkdir(parents=True)
    return "scale"


@pytest.fixture
def telling(tmp_path, on_path):
    """(statuses of versions) → a server on the PATH that tells them."""

    def telling(*states):
        (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
        told = f"[{', '.join(states)}]"
        words = [sys.executable, str(tmp_path / "server.py"), told]
        on_path("tensorflow_model_server", f'exec {shlex.join(words)} "$@"')

    return telling


def has_ended(pid):
    # a zombie has ended
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def one_line(capsys, *words):
    """What a command with a user error says."""
    assert main.main(["serve", *words]) == 2
    told = capsys.readouterr().err.splitlines()
    *_, last = told
    assert last.startswith("keras-ptft: ")
    return last


def program(*words):
    return [sys.executable, "-m", "keras_ptft", "serve", *words]


def running(scale, **settings):
    """A `keras-ptft serve` that serves."""
    return started(
        program(scale, *ANY),
        env={"PATH": settings.pop("path"), "PYTHONPATH": str(ROOT)},
        **settings,
    )


def served(process):
    """What `keras-ptft serve` says until it serves."""
    shown = ""
    while "Ctrl-C stops it." not in shown:
        line = process.stdout.readline()
        assert line, shown
        shown += line
    return shown


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["begin", "", "no memory"], "begin | no memory"),
        (["a", "b", "c", "d"], "b | c | d"),
        (
            ["docker: Cannot connect to the daemon.", "See docker --help"],
            "docker: Cannot connect to the daemon.",
        ),
        ([], "nothing"),
    ],
    ids=sorted("abcd"),
)
def test_a_server_that_dies_at_start_is_told_by_the_cause(
    scale, on_path, capsys, said, told
):
    lines = "; ".join(f"echo {shlex.quote(line)} >&2" for line in said)
    on_path("tensorflow_model_server", f"{lines or ':'}; exit 3")
    line = one_line(capsys, scale, *ANY)
    assert line.endswith(
        f"The server ended with code 3; it said last: {told}: correct that."
    )


def test_a_version_that_cannot_be_loaded(scale, telling, capsys):
    fault = '"error_code": "NOT_FOUND", "error_message": "Op X\\nis unknown"'
    telling(AVAILABLE, (STATUS % ("END", fault)).replace('"3"', '"4"'))
    line = one_line(capsys, scale, *ANY)
    assert "cannot load version 4: Op X is unknown: correct that" in line
    assert has_ended(int(pathlib.Path("pid").read_text(encoding="utf-8")))


def test_a_server_that_loads_for_too_long(scale, telling, capsys):
    telling(STATUS % ("LOADING", OK))
    line = one_line(capsys, scale, *ANY, "--timeout=0.1")
    assert "Expected scale to be served within 0.1 seconds" in line
    assert "raise --timeout" in line


@pytest.mark.parametrize(
    "number, code", [("SIGINT", 0), ("SIGTERM", 143), ("SIGKILL", -9)]
)
def test_signals_leave_no_server(scale, telling, tmp_path, number, code):
    telling(AVAILABLE)
    path = str(tmp_path / "bin")
    with running(scale, path=path) as process:
        shown = served(process)
        pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
        assert not has_ended(pid)
        process.send_signal(getattr(signal, number))
        rest, _ = process.communicate()
        assert process.returncode == code
    wait_until(lambda: has_ended(pid))
    assert re.search(r"Serving version 3 of scale as scale:\n", shown)
    assert re.search(r"  REST  http://127.0.0.1:\d+/v1/models/scale:p", shown)
    # what the server says is shown, when it says it
    assert number == "SIGKILL" or "asked\n" in shown + rest
    last = "Stopped.\n" if number == "SIGINT" else ""
    assert rest.replace("asked\n", "") == last


def test_a_server_that_ends_later_is_told(scale, telling, tmp_path):
    telling(AVAILABLE)
    with running(scale, path=str(tmp_path / "bin")) as process:
        served(process)
        pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
        os.kill(pid, signal.SIGKILL)
        rest, _ = process.communicate()
    assert process.returncode == 2
    last = rest.splitlines()[-1]
    assert last.startswith("keras-ptft: The server ended with code -9; it said")


@pytest.mark.usefixtures("on_path")
def test_a_server_that_is_named_and_missing(scale, capsys):
    line = one_line(capsys, scale, *ANY, "--server=docker")
    assert "--server=docker: docker is not on the PATH: install docker" in line
    line = one_line(capsys, scale, "--server=dock")
    assert "one of auto, tensorflow_model_server, docker, python, got" in line


def test_a_smoke_that_ends_says_how_to_see_more(base, on_path, capsys):
    on_path("tensorflow_model_server", "echo no memory; exit 3")
    line = one_line(capsys, str(base), *ANY, "--smoke")
    assert line.endswith(
        "no memory: correct that; without --smoke its whole log is shown."
    )


def test_mistakes(scale, tmp_path, capsys):
    assert "No export in nowhere: expected a f" in one_line(capsys, "nowhere")
    (tmp_path / "empty").mkdir()
    assert "No export in empty" in one_line(capsys, "empty")
    (tmp_path / "scale" / "3" / "saved_model.pb").touch()
    line = one_line(capsys, "scale/3")
    assert f"which is one of them: give {tmp_path}/scale." in line
    line = one_line(capsys, scale, "--smoke")
    assert "tf_serving_warmup_requests, got no such file: export" in line
    assert "keras-ptft serve EXPORT" in one_line(capsys)


def test_ports():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"at --port={port}: .*; choose"):
            local_address("scale", port, 0)
        with pytest.raises(UserError, match=rf"at --rest_port={port}: "):
            local_address("scale", 0, port)
    with pytest.raises(UserError, match=f"must differ, got {port} for both"):
        local_address("scale", port, port)
    found = local_address("scale", port, 0)
    assert found.port == port != found.rest_port > 0


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("port", -1, "from 0 to 65535"),
        ("rest_port", 65536, "from 0 to 65535"),
        ("timeout", 0.0, "from 0.1 to 86400"),
    ],
)
def test_settings_out_of_range(name, value, told):
    with pytest.raises(UserError, match=f"--{name} must be {told}"):
        ServeConfig(**{name: value})


@pytest.mark.slow
@pytest.mark.usefixtures("on_path")
def test_this_python_serves(base, tmp_path):
    path = str(tmp_path / "bin")
    with running(str(base), path=path, cwd=tmp_path) as process:
        shown = served(process)
        url = re.search(r"REST  (\S+):predict\n", shown)[1]
        body = b'{"signature_name": "alone", "instances": [[0.1, 3]]}'
        with urllib.request.urlopen(f"{url}:predict", body) as answer:
            assert answer.read() == b'{"predictions": [[0.2, 6.0]]}'
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate()
    assert process.returncode == 0
    assert shown.startswith("Served by python, since tensorflow_model_server")
    # what the server says may be shown after it was found to serve
    assert "Loaded version 3 of scale, and replayed 4 req" in shown + rest
    assert rest.endswith("Stopped.\n") and "Traceback" not in shown + rest
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url)
