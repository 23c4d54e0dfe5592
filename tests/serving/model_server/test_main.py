"""`python -m keras_ptft.serving.model_server`, as a process."""

import json
import re
import shutil
import signal
import socket
import sys
import urllib.request

import pytest

from keras_ptft.errors import UserError
from keras_ptft.serving.model_server.command_line import read_flags
from keras_ptft.serving.model_server.running import running
from tests.conftest import ROOT
from tests.states import started, wait_until

PROGRAM = [sys.executable, "-m", "keras_ptft.serving.model_server"]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def test_flags(tmp_path):
    found = read_flags(
        [
            *("--port=1", "--rest_api_port=2", "--max_num_load_retries=0"),
            *("--model_name=m", f"--model_base_path={tmp_path}"),
            *("--enable_batching=true", "--batching_parameters_file=x"),
            "--monitoring_config_file=y",
        ]
    )
    assert (found.port, found.rest_port) == (1, 2)
    assert [(m.name, m.base) for m in found.models] == [("m", tmp_path)]
    assert found.ignored == ["requests share no batch", "there are no metrics"]
    assert not read_flags(
        ["--model_base_path=x", "--enable_batching=false"]
    ).ignored
    with pytest.raises(UserError, match="--model_base_path or --model_config"):
        read_flags([])


def test_a_flag_that_is_not_known(capsys):
    with pytest.raises(SystemExit):
        read_flags(
            ["--model_base_path=x", "--tensorflow_session_parallelism=2"]
        )
    assert "unrecognized arguments" in capsys.readouterr().err


@pytest.mark.slow
def test_a_version_that_appears_is_served(base, tmp_path):
    folder = tmp_path / "scale"
    shutil.copytree(base / "3", folder / "3")
    words = ["--port=0", "--rest_api_port=0", "--enable_batching=true"]
    words += ["--model_name=scale", f"--model_base_path={folder}"]
    with started([*PROGRAM, *words], env=ENVIRONMENT) as process:
        shown = ""
        while "Loaded version 3" not in shown:
            line = process.stdout.readline()
            assert line, shown
            shown += line
        assert "In this server requests share no batch.\n" in shown
        port = re.search(r"REST at 127.0.0.1:(\d+)", shown)[1]

        def numbers():
            url = f"http://127.0.0.1:{port}/v1/models/scale"
            with urllib.request.urlopen(url) as answer:
                states = json.load(answer)["model_version_status"]
            return [s["version"] for s in states if s["state"] == "AVAILABLE"]

        assert numbers() == ["3"]
        shutil.copytree(base / "3", tmp_path / "4")
        (tmp_path / "4").rename(folder / "4")
        wait_until(lambda: numbers() == ["4"], process)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate()
    assert (process.returncode, "Traceback" in shown + rest) == (0, False)


def test_a_port_that_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), running({}, 0, port):
            pass
        with pytest.raises(RuntimeError, match="bind"), running({}, port, 0):
            pass
