"""Workers as processes: what they are given, print and leave."""

import json
import os
import pathlib
import sys

import psutil
import pytest

from keras_ptft.training.distribution.cluster import from_tf_config
from keras_ptft.training.distribution.processes import (
    free_ports,
    worker_processes,
)
from tests.conftest import ROOT
from tests.states import started, wait_until

# tells what it was given, and leaves a file
REPORT = """
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["TMPDIR"])
(folder / f"left-{os.getpid()}").touch()
print(json.dumps([os.environ["TF_CONFIG"], str(folder)]))
print("wrong", file=sys.stderr)
"""
# starts a child, names both, and ends by itself never
FAMILY = """
import os, pathlib, subprocess, sys, time
wait = "import time\\nwhile True: time.sleep(1)"
child = subprocess.Popen([sys.executable, "-c", wait])
name = f"{os.getpid()}-{child.pid}"
pathlib.Path("made-" + name).touch()
pathlib.Path("made-" + name).rename("family-" + name)
while True:
    time.sleep(1)
"""
LAUNCHER = """
import sys, time
from keras_ptft.training.distribution.processes import worker_processes
with worker_processes(2, [sys.executable, "-c", sys.argv[1]]):
    while True:
        time.sleep(1)
"""
# is never done with starting its first worker
STUCK = """
import sys, time, types
from keras_ptft.training.distribution import processes
def never(**_):
    while True:
        time.sleep(1)
processes.threading = types.SimpleNamespace(Thread=never)
with processes.worker_processes(2, [sys.executable, "-c", sys.argv[1]]):
    pass
"""


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def families():
    """Every process that a worker has reported, its own and its child's."""
    names = [path.name for path in pathlib.Path.cwd().glob("family-*")]
    pids = [int(pid) for name in names for pid in name.split("-")[1:]]
    return [psutil.Process(pid) for pid in pids]


def has_ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_what_workers_are_given_and_print(capsys):
    with worker_processes(3, [sys.executable, "-c", REPORT]) as workers:
        assert [worker.wait() for worker in workers] == [0, 0, 0]
    printed = capsys.readouterr()
    lines = dict(line.split("] ", 1) for line in printed.out.splitlines())
    assert set(lines) == {f"[worker {index}" for index in range(3)}
    clusters, folders = zip(*map(json.loads, lines.values()), strict=True)
    found = dict(zip(lines, map(from_tf_config, clusters), strict=True))
    for index in range(3):
        assert found[f"[worker {index}"].index == index
    assert len({cluster.workers for cluster in found.values()}) == 1
    assert sorted(printed.err.splitlines()) == [
        f"[worker {index}] wrong" for index in range(3)
    ]
    (folder,) = set(folders)
    assert not pathlib.Path(folder).exists()


def test_no_process_survives_the_block():
    with worker_processes(2, [sys.executable, "-c", FAMILY]):
        wait_until(lambda: len(list(pathlib.Path.cwd().glob("family-*"))) == 2)
        processes = families()
        assert len(processes) == 4
        assert not any(map(has_ended, processes))
    wait_until(lambda: all(map(has_ended, processes)))


@pytest.mark.parametrize(
    ("script", "count"), [(LAUNCHER, 2), (STUCK, 1)], ids=["whole", "stuck"]
)
def test_nothing_is_left_when_the_launcher_is_killed(tmp_path, script, count):
    folder = tmp_path / "temporary"
    folder.mkdir()
    environ = {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", script, FAMILY]

    def families_are_there():
        return len(list(tmp_path.glob("family-*"))) == count

    with started(words, env=os.environ | environ) as launcher:
        wait_until(families_are_there, launcher)
        processes = families()
        assert len(list(folder.glob("keras-ptft-launch-*"))) == 1
        launcher.kill()
        launcher.wait()
    wait_until(lambda: all(map(has_ended, processes)))
    wait_until(lambda: not list(folder.glob("keras-ptft-launch-*")))


def test_ports_differ():
    assert len(set(free_ports(8))) == 8
