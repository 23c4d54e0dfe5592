"""Several runs of one recipe, here or in processes."""

import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.experiment.several import (
    check_one_machine,
    standing_alone,
    trainers,
)
from tests.runs.folders import scored, write_run

ROOT = pathlib.Path(__file__).parents[2]


def test_one_trains_in_this_process_when_it_is_asked_for():
    done = []

    def train(number):
        done.append(number)
        return os.getpid()

    with trainers(1) as pool:
        results = pool.map(train, range(3))
        assert done == []
        assert next(results) == os.getpid()
        assert done == [0]
        assert pool.submit(train, 7).result() == os.getpid()
    assert done == [0, 7]


def test_an_error_in_this_process_is_that_of_the_caller():
    with trainers(1) as pool, pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 1, 0)


@pytest.mark.slow
def test_a_process_that_is_ended_from_outside():
    with pytest.raises(UserError) as caught, trainers(2) as pool:
        pool.submit(os._exit, 1).result()
    assert str(caught.value) == (
        "A process that trained was ended from outside, as where memory is "
        "short: lower --parallel, and start the same command again, which "
        "goes on from there."
    )


def hold(path):
    """Locks a file, says so, and never returns."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        path.with_suffix(".held").touch()
        signal.pause()


_HOLDING = """
from pathlib import Path
from keras_ptft.experiment.several import trainers
from tests.experiment.test_several import hold
with trainers(2) as pool:
    list(pool.map(hold, map(Path, ["a", "b"])))
"""


@pytest.mark.slow
def test_processes_end_when_the_one_that_waits_for_them_is_killed(tmp_path):
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", _HOLDING]
    parent = subprocess.Popen(command, cwd=tmp_path, env=environment)
    held = [tmp_path / f"{name}.held" for name in "ab"]
    while not all(path.exists() for path in held):
        assert parent.poll() is None
        time.sleep(0.1)
    parent.kill()
    parent.wait()
    for name in "ab":
        # a lock is free again when its process has ended
        with (tmp_path / name).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)


def test_a_recipe_that_stands_alone(tmp_path):
    write_run(tmp_path / "first", result=scored(loss=1.0))
    backbone = tmp_path / "first" / "backbone.keras"
    backbone.touch()
    recipe = Config(
        init_from="first",
        runs_dir=str(tmp_path),
        export_to="saved",
        compare_scratch=True,
    )
    assert standing_alone(recipe) == Config(
        init_from=str(backbone), runs_dir=str(tmp_path), explain=False
    )
    assert standing_alone(Config(export_to="saved")) == Config(explain=False)
    known = Config(init_from="efficientnet_lite0", explain=False)
    assert standing_alone(known) == known


def test_workers_are_refused():
    with pytest.raises(UserError, match=r"^tune trains on one machine, got"):
        check_one_machine("tune", Config(strategy="multi_worker"))
