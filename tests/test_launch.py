"""Workers as processes: started, watched, started again, and ended."""

import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import psutil
import pytest
import yaml

from keras_ptft import launch, main
from keras_ptft.errors import UserError
from keras_ptft.training.distribution.cluster import Cluster, find_cluster

ROOT = pathlib.Path(__file__).parent.parent
PROGRAM = [sys.executable, "-m", "keras_ptft"]
LONG = ["pretrain", "--name=long", "--backbone=mlp_small", "--image_size=8"]
LONG += ["--steps_per_execution=1", "--checkpoint_every=5"]
JOINED = ["--strategy=multi_worker"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def launched(*words):
    return subprocess.Popen(
        [*PROGRAM, "launch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def await_checkpoint(process, count=1):
    while len(list(pathlib.Path("runs").rglob("step-*.npz"))) < count:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)


def workers_of(process):
    started = psutil.Process(process.pid).children()
    # beside them stands the one that ends them with the launcher
    return [each for each in started if "keras_ptft" in each.cmdline()]


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
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    with pytest.raises(UserError, match=message):
        raise UserError(told)


def test_a_mistake_of_a_worker_is_final():
    done = launched("--workers=2", "--", "run", "nowhere.flags")
    output, _ = done.communicate()
    assert done.returncode == 2
    assert "] keras-ptft: Cannot open the recipe or flagfile nowhere" in output
    assert "ended with code 2: all are stopped." in output
    assert "starting all again" not in output


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.5, 1.0])
def test_nothing_is_left_when_the_launcher_is_killed(
    tmp_path, monkeypatch, seconds
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = launched("--workers=2", "--", *LONG, "--epochs=5000")
    while len(workers_of(process)) < 2:
        time.sleep(0.05)
    workers = workers_of(process)
    process.stdout.readline()
    # a worker that waits for the other can hear of nothing else
    time.sleep(seconds)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []
    deadline = time.monotonic() + 30
    while list(tmp_path.glob("keras-ptft-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list(tmp_path.glob("keras-ptft-*"))


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_a_killed_worker_costs_no_bit(index):
    process = launched("--workers=2", "--", *LONG, "--epochs=4")
    await_checkpoint(process, 2)
    workers_of(process)[index].kill()
    output, _ = process.communicate()
    assert process.returncode == 0, output
    told = f"worker {index} ended with signal 9: starting all again (1 of 3)."
    assert told in output
    words = [*LONG, "--epochs=4", "--runs_dir=undisturbed"]
    undisturbed = launched("--workers=2", "--", *words)
    output, _ = undisturbed.communicate()
    assert undisturbed.returncode == 0, output
    models = [
        keras.saving.load_model(f"{runs}/long/model.keras").get_weights()
        for runs in ("runs", "undisturbed")
    ]
    for one, other in zip(*models, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_request_to_stop_reaches_all_and_starts_none():
    process = launched("--workers=2", "--", *LONG, "--epochs=5000")
    await_checkpoint(process, 2)
    workers = workers_of(process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, output
    assert "starting all again" not in output
    assert "is saved: the same command goes on from there" in output
    assert not any(worker.is_running() for worker in workers)


@pytest.mark.slow
def test_after_the_last_restart_all_are_stopped():
    words = ["--workers=2", "--max_restarts=0", "--", *LONG, "--epochs=5000"]
    process = launched(*words)
    await_checkpoint(process)
    workers = workers_of(process)
    workers[1].kill()
    output, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGKILL, output
    assert "ended with signal 9: all are stopped." in output
    assert not any(worker.is_running() for worker in workers)


def test_ports_differ():
    assert len(set(launch._free_ports(8))) == 8


def test_the_job_of_kubernetes_describes_its_workers():
    text = (ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8")
    service, job = yaml.safe_load_all(text)
    name, spec = job["metadata"]["name"], job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    told = {item["name"]: item["value"] for item in container["env"]}
    # Kubernetes names pods by job and index, in the domain of the service
    domain = spec["template"]["spec"]["subdomain"]
    assert domain == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": name}
    (port,) = (item["containerPort"] for item in container["ports"])
    pods = range(spec["completions"])
    hosts = tuple(f"{name}-{i}.{domain}:{port}" for i in pods)
    for index in pods:
        told["JOB_COMPLETION_INDEX"] = str(index)
        assert find_cluster(told) == Cluster(hosts, index)
    assert spec["parallelism"] == spec["completions"]
    assert container["command"][-1] == "--strategy=multi_worker"


@pytest.mark.parametrize(
    "codes, code, starts",
    [([0], 0, 1), ([2], 2, 1), ([1, 0], 0, 2), ([143], 143, 1), ([1], 1, 4)],
)
def test_the_script_of_slurm(tmp_path, codes, code, starts):
    """With an srun that ends with these codes in turn, the last for ever."""
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
