"""The tool that kills a process at a change of its files does so."""

import json
import pathlib
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# what a run does, without TensorFlow
SCRIPT = """
import json, os, pathlib, sys
from tests.crash import Aim, Watch
sys.addaudithook(Watch([Aim(**fields) for fields in json.loads(sys.argv[1])]))
pathlib.Path("runs").mkdir()
for number in range(3):
    pathlib.Path("runs/.partial").write_text(str(number))
    os.replace("runs/.partial", "runs/x")
pathlib.Path("runs/x").read_text()
pathlib.Path("runs/x").unlink()
"""


@pytest.mark.parametrize(
    ("aim", "left"),
    [
        ({"change": "os.mkdir"}, None),
        ({"change": "os.mkdir", "after": True}, {}),
        ({"change": "open", "path": "*/.partial"}, {".partial": "half"}),
        ({"change": "os.rename", "path": "*/x"}, {".partial": "0"}),
        ({"change": "os.rename", "count": 2}, {".partial": "1", "x": "0"}),
        ({"change": "os.rename", "count": 3, "after": True}, {"x": "2"}),
        ({"change": "*", "count": 4}, {"x": "0"}),
        ({"change": "os.remove"}, {"x": "2"}),
    ],
    ids=str,
)
def test_what_a_kill_leaves(tmp_path, aim, left):
    done = run(tmp_path, aim)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stderr.startswith("killed ")
    folder = tmp_path / "runs"
    found = None
    if folder.exists():
        found = {p.name: p.read_text() for p in folder.iterdir()}
    assert found == left


@pytest.mark.parametrize(
    "aim",
    [
        {"change": "os.rename", "count": 4},
        {"change": "os.remove", "path": "*/y"},
        {"change": "os.remove", "after": True},
    ],
    ids=str,
)
def test_an_aim_that_never_comes(tmp_path, aim):
    assert run(tmp_path, aim).returncode == 0
    assert list(pathlib.Path(tmp_path, "runs").iterdir()) == []


def run(folder, aim):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([aim])],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
