"""A job of several workers: what it runs, restarts and returns."""

import dataclasses
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import yaml

from keras_ptft import launch, main
from keras_ptft.errors import UserError
from keras_ptft.launch import Job
from keras_ptft.training.distribution.cluster import Cluster, find_cluster
from tests.conftest import ROOT
from tests.crash import Aim
from tests.states import started, wait_until

LONG = ["pretrain", "--name=long", "--backbone=mlp_small", "--image_size=8"]
LONG += ["--steps_per_execution=1", "--checkpoint_every=5"]
LONG += ["--explain=false", "--jit_compile=false"]
JOINED = ["--strategy=multi_worker"]
# a worker without TensorFlow; INDEX and ATTEMPT say which one it is
WORKER = """
import json, os, pathlib, signal, sys, time
INDEX = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
ATTEMPT = len(list(pathlib.Path.cwd().glob(f"worker-{INDEX}-*"))) + 1
pathlib.Path(f"worker-{INDEX}-{ATTEMPT}").touch()

def await_state(condition):
    deadline = time.monotonic() + 300
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("it hangs")
        time.sleep(0.01)

def has_ended(pid):
    # a zombie has ended
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"

# none ends, and makes the launcher kill the other, before both have begun
begun = f"worker-*-{ATTEMPT}"
await_state(lambda: len(list(pathlib.Path.cwd().glob(begun))) == 2)
"""
LAUNCHER = """
import sys
from keras_ptft import launch
launch.GRACE_SECONDS = float(sys.argv[2])
program = [sys.executable, "-c", sys.argv[1]]
sys.exit(launch.launch(launch.Job(workers=2), ["run", "x"], program))
"""


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def launched(code, **settings):
    """Runs a job of two workers of this code; returns its exit code."""
    program = [sys.executable, "-c", WORKER + code]
    return launch.launch(Job(workers=2, **settings), ["run", "x"], program)


def starts():
    return len(list(pathlib.Path.cwd().glob("worker-0-*")))


def test_what_to_start_on_other_machines(capsys):
    words = ["--hosts=a:2222,b:2222", "--", "run", "my flags"]
    assert main.main(["launch", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[::2] == ["# on a", "# on b"]
    for index, line in enumerate(lines[1::2]):
        setting, *command = shlex.split(line)
        name, _, value = setting.partition("=")
        found = find_cluster({name: value})
        assert found == Cluster(("a:2222", "b:2222"), index)
        assert command == ["keras-ptft", "run", "my flags", *JOINED]


def test_a_strategy_that_was_given_stays(capsys):
    words = ["--hosts=a:1", "--", "run", "x", "--strategy", "auto"]
    assert main.main(["launch", *words]) == 0
    assert capsys.readouterr().out.endswith("run x --strategy auto\n")


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "launch needs run, pretrain, finetune and its words after --"),
        (["--", "predict", "x"], "launch needs .*, got predict: keras-ptft"),
        (["run", "x"], "Expected keras-ptft launch .*, got run x"),
        (["--workers=0", "--", "run"], "--workers must be from 1 to 64, got 0"),
        (["--workers=two"], "--workers must be a whole number, got 'two'"),
        (["--worker=2"], 'Unknown setting --worker .did you mean "workers"'),
        (["--hosts=a", "--", "run"], "host:port .*, got 'a': correct"),
        (["--hosts=,", "--", "run"], "This is worker 0, but there are 0"),
        (["--max_restarts=-1"], "--max_restarts must be at least 0"),
    ],
)
def test_mistakes(words, message, capsys):
    assert main.main(["launch", *words]) == 2
    printed = capsys.readouterr().err
    assert len(printed.splitlines()) == 1
    with pytest.raises(UserError, match=message):
        raise UserError(printed)


def test_workers_run_the_command(capsys):
    assert launched("print(sys.argv[1:])") == 0
    lines = sorted(capsys.readouterr().out.splitlines())
    words = ["run", "x", *JOINED]
    assert lines == [f"[worker {index}] {words}" for index in (0, 1)]
    assert starts() == 1


def test_a_user_error_is_final(capsys):
    assert launched("sys.exit(2)") == 2
    printed = capsys.readouterr().err
    assert "ended with code 2: stopping all.\n" in printed
    assert "restarting" not in printed and starts() == 1


@pytest.mark.parametrize("index", [0, 1])
def test_all_are_restarted_when_one_is_killed(capsys, index):
    code = f"""
if ATTEMPT == 1 and INDEX == {index}:
    os.kill(os.getpid(), signal.SIGKILL)
if ATTEMPT == 1:
    await_state(lambda: False)
"""
    assert launched(code) == 0
    assert capsys.readouterr().err == (
        f"keras-ptft launch: worker {index} ended with code 137: "
        "restarting all (1 of 3).\n"
    )
    assert starts() == 2


def test_after_the_last_restart_all_are_stopped(capsys):
    assert launched("sys.exit(1)", max_restarts=1) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2].partition(": ")[2] for line in lines] == [
        "restarting all (1 of 1).",
        "stopping all.",
    ]
    assert starts() == 2


def test_the_one_that_was_killed_is_the_cause(capsys):
    # worker 0 fails, as with TensorFlow, when it has lost worker 1
    code = """
if INDEX == 1:
    pathlib.Path(f"made-{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)
await_state(lambda: list(pathlib.Path.cwd().glob("made-*")))
(made,) = pathlib.Path.cwd().glob("made-*")
await_state(lambda: has_ended(made.name.removeprefix("made-")))
sys.exit(2)
"""
    if not pathlib.Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to see that a process has ended")
    assert launched(code, max_restarts=0) == 137
    assert "worker 1 ended with code 137" in capsys.readouterr().err


# ends as a training does that has saved a checkpoint
SAVING = """
def save(number, frame):
    pathlib.Path(f"saved-{INDEX}").touch()
    sys.exit(128 + number)

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, save)
"""
DEAF = """
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
"""
READY = """
pathlib.Path(f"ready-{INDEX}").touch()
await_state(lambda: False)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("code", "grace", "saved"),
    [(SAVING, 300, 2), (DEAF, 0, 0)],
    ids=["saving", "deaf"],
)
def test_a_signal_reaches_all_and_restarts_none(number, code, grace, saved):
    words = [sys.executable, "-c", LAUNCHER, WORKER + code + READY, str(grace)]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    folder = pathlib.Path.cwd()
    with started(words, env=environ) as process:
        wait_until(lambda: len(list(folder.glob("ready-*"))) == 2, process)
        process.send_signal(number)
        output, _ = process.communicate()
    assert process.returncode == 128 + number, output
    assert output == ""
    assert len(list(folder.glob("saved-*"))) == saved
    assert starts() == 1


def trained_by_two(folder, *aims):
    """Weights of a model that two workers train, killed at some moments."""
    text = json.dumps([dataclasses.asdict(aim) for aim in aims])
    program = [sys.executable, "-m", "tests.crash", text, "--"]
    words = [*LONG, "--epochs=4", f"--runs_dir={folder}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        assert launch.launch(Job(workers=2), words, program) == 0
    return keras.saving.load_model(folder / "long/model.keras").get_weights()


@pytest.mark.slow
def test_killed_workers_cost_no_bit(tmp_path):
    """The first is killed, and the second of those that are started then."""
    aims = [
        Aim(
            "os.rename",
            "*/checkpoints/step-*",
            count=count,
            after=True,
            worker=index,
            once=str(tmp_path / f"killed-{index}"),
        )
        for index, count in enumerate((2, 6))
    ]
    weights = trained_by_two(tmp_path / "runs", *aims)
    assert len(list(tmp_path.glob("killed-*"))) == 2
    whole = trained_by_two(tmp_path / "whole")
    for one, other in zip(weights, whole, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_training_that_is_asked_to_stop_saves(tmp_path):
    words = ["launch", "--workers=2", "--", *LONG, "--epochs=100000"]
    with started([sys.executable, "-m", "keras_ptft", *words]) as process:
        folder = tmp_path / "runs/long/checkpoints"
        wait_until(lambda: list(folder.glob("step-*")), process)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, output
    assert "restarting" not in output
    assert "is saved: the same command resumes from there" in output


def test_the_job_of_kubernetes_describes_its_workers():
    text = (ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8")
    service, job = yaml.safe_load_all(text)
    name, spec = job["metadata"]["name"], job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    environ = {item["name"]: item["value"] for item in container["env"]}
    # Kubernetes names pods by job and index, in the domain of the service
    domain = spec["template"]["spec"]["subdomain"]
    assert domain == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": name}
    (port,) = (item["containerPort"] for item in container["ports"])
    pods = range(spec["completions"])
    hosts = tuple(f"{name}-{i}.{domain}:{port}" for i in pods)
    for index in pods:
        environ["JOB_COMPLETION_INDEX"] = str(index)
        assert find_cluster(environ) == Cluster(hosts, index)
    assert spec["parallelism"] == spec["completions"]
    assert container["command"][-1] == "--strategy=multi_worker"


@pytest.mark.parametrize(
    "codes, code, starts",
    [([0], 0, 1), ([2], 2, 1), ([1, 0], 0, 2), ([143], 143, 1), ([1], 1, 4)],
)
def test_the_script_of_slurm(tmp_path, codes, code, starts):
    """With an srun that returns these codes in turn, then the last for ever."""
    srun = tmp_path / "srun"
    codes_text = " ".join(map(str, codes))
    srun.write_text(
        "#!/bin/bash\n"
        'echo "$@" >> calls\n'
        f"codes=({codes_text})\n"
        "number=$(wc -l < calls)\n"
        f"last={len(codes)}\n"
        "exit ${codes[$((number < last ? number - 1 : last - 1))]}\n"
    )
    srun.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(ROOT / "deploy" / "slurm.sbatch"), "run", "a b.flags"],
        env=os.environ | {"PATH": path},
        capture_output=True,
        check=False,
    )
    calls = (tmp_path / "calls").read_text().splitlines()
    assert (done.returncode, len(calls)) == (code, starts)
    assert calls[0].endswith("keras-ptft run a b.flags --strategy=multi_worker")
