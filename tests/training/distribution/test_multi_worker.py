"""One process, two replicas and two workers train the same model."""

import os
import subprocess
import sys

import pytest

from keras_ptft import Config, files
from keras_ptft.training.distribution.processes import worker_processes
from tests.workers import largest_difference, launched, trained_here

COMMON = {
    "image_size": 8,
    "epochs": 2,
    "optimizer": "sgd(momentum=0.9)",
    "learning_rate": 0.02,
    # 1,305 examples leave a remainder of 45, and 141 for validation one of
    # 21, of which one worker gets 12 and the other 9
    "batch_size": 60,
    "on_leak": "warn",
    "explain": False,
    "jit_compile": "false",
}
RUNS = {
    # both workers measure whether to compile, and decide the same
    "accumulated": {
        "backbone": "mlp(hidden=[16])",
        "jit_compile": "auto",
        "gradient_accumulation": 3,
        "class_weight": "balanced",
    },
    "normalised": {
        "backbone": "cnn(filters=[4], pool=1, dense=8, batch_norm=True)",
    },
    # 50 examples are 2 batches and a remainder; features are cached
    "tuned": {
        "init_from": "normalised",
        "freeze": "conv1",
        "train_examples": 50,
        "batch_size": 24,
        "epochs": 4,
    },
    "compiled": {
        "backbone": "cnn(filters=[4, 4], dense=8, l2=0.01)",
        "jit_compile": "true",
        "steps_per_execution": 7,
        "resident": "false",
    },
    "augmented": {
        "backbone": "cnn(filters=[4], dense=8)",
        "augment": "shift(padding=1)",
        "mix": "mixup",
        "sampling": "balanced",
        "early_stopping_patience": 1,
    },
    # by the average of its weights, and balanced over all replicas
    "taught": {
        "backbone": "mlp(hidden=[16])",
        "objective": "dino(view='shift', crops=1, local='flip_crop', "
        "clusters=16, width=8, hidden=16)",
        "epochs": 1,
    },
}

# each worker has numbers of its own, and prints what the first one has
TOLD = """
import os
import numpy as np
from keras_ptft.training.distribution import strategies
strategy = strategies.get_strategy("auto")
task = strategy.cluster_resolver.task_id
own = np.array([2**62 + task, -task])
print("told", *strategies.of_first(strategy, own))
"""


def configs(runs):
    return [
        Config(**COMMON | settings, name=name)
        for name, settings in runs.items()
    ]


def compared(folder, name):
    workers, one, two = (
        folder / runs / name for runs in ("runs", "one_device", "mirrored")
    )
    return {
        "1 process, 2 workers": largest_difference(one, workers),
        "2 replicas, 2 workers": largest_difference(two, workers),
    }


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The folder in which all were trained, and what the workers printed."""
    folder = tmp_path_factory.mktemp("workers")
    output = launched(folder, configs(RUNS))
    for strategy in ("one_device", "mirrored"):
        trained_here(folder, configs(RUNS), strategy)
    return folder, output


@pytest.fixture(scope="module")
def trained(job):
    return job[0]


@pytest.mark.slow
def test_two_workers_are_one_process(job):
    trained, output = job
    plan = files.read_json(trained / "runs/accumulated/result.json")["plan"]
    assert plan["replicas"] == 2
    # only one reports progress, and nothing is left of the other
    assert "[worker 0] epoch 2/2" in output
    assert "[worker 1] epoch" not in output
    left = {path.name for path in (trained / "runs").iterdir()}
    assert left == {*RUNS, ".features"}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_workers_replicas_and_one_process_agree(trained, name):
    differences = compared(trained, name)
    print(name, differences)
    assert max(differences.values()) < 1e-5


@pytest.mark.slow
def test_workers_ran_the_requested_plan(trained):
    plan = files.read_json(trained / "runs/compiled/result.json")["plan"]
    assert plan["jit_compile"] and plan["steps_per_execution"] == 7
    assert (trained / "runs" / ".features").is_dir()
    assert not [p for p in trained.rglob("*") if "partial" in p.name]


@pytest.mark.slow
def test_workers_are_told_what_the_first_one_has(capsys):
    with worker_processes(2, [sys.executable, "-c", TOLD]) as workers:
        assert [worker.wait() for worker in workers] == [0, 0]
    printed = capsys.readouterr().out
    for task in range(2):
        assert f"[worker {task}] told {2**62} 0\n" in printed


@pytest.mark.slow
def test_a_missing_cluster(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    words = ["pretrain", "--name=x", "--strategy=multi_worker"]
    done = subprocess.run(
        [sys.executable, "-m", "keras_ptft", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    message = "keras-ptft: --strategy=multi_worker needs the list of workers"
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
