"""Heads that are solved, phases and range tests, in two workers."""

import dataclasses
import json
import os
import sys

import numpy as np
import pytest

from keras_ptft import Config, files, launch
from keras_ptft.experiment import stages
from keras_ptft.launch import Job
from tests.alike import differences
from tests.conftest import ROOT
from tests.crash import Aim
from tests.workers import largest_difference, launched, recipes, trained_here

FIRST = Config(
    name="first",
    classes="0-4",
    # without dropout, which drops other values in each replica
    backbone="cnn(filters=[4, 6], dense=8, batch_norm=True)",
    image_size=8,
    learning_rate=0.02,
    epochs=2,
    explain=False,
    jit_compile="false",
)
SECOND = Config(
    classes="5-9",
    image_size=8,
    # 649 examples leave a remainder of 49
    batch_size=60,
    optimizer="sgd(momentum=0.9)",
    learning_rate=0.02,
    explain=False,
    jit_compile="false",
)
# an epoch has 10 steps, so checkpoints are those of 4, 8, 10, 14, 18 and 20
RUNS = {
    "solved": {"probe": "lbfgs"},
    "unfrozen": {
        "unfreeze": "0:all,1:none",
        "batchnorm": "update",
        "epochs": 2,
        "ema": 0.9,
        "layer_decay": 0.8,
        "l2_sp": 0.01,
    },
    "found": {
        "learning_rate": "find",
        "unfreeze": "0:conv2,1:conv1",
        "epochs": 2,
        "checkpoint_every": "4",
        "steps_per_execution": 4,
    },
}


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    """Settings of fine-tunings of one pretrained run, by name."""
    folder = tmp_path_factory.mktemp("first")
    stages.pretrain(FIRST.replace(runs_dir=str(folder)))
    second = SECOND.replace(init_from=str(folder / "first"))
    return {
        name: second.replace(name=name, **settings)
        for name, settings in RUNS.items()
    }


@pytest.fixture(scope="module")
def workers(tmp_path_factory, configs):
    """Run folders of two workers, and what these printed."""
    folder = tmp_path_factory.mktemp("workers")
    output = launched(folder, configs.values())
    return folder / "runs", output


@pytest.fixture(scope="module")
def alone(tmp_path_factory, configs):
    """Run folders of one process."""
    folder = tmp_path_factory.mktemp("alone")
    trained_here(folder, configs.values(), "one_device")
    return folder / "one_device"


def results(name, *folders):
    return [files.read_json(f / name / "result.json") for f in folders]


@pytest.mark.slow
def test_both_workers_solve_the_same_head(workers, alone):
    difference = largest_difference(alone / "solved", workers[0] / "solved")
    assert difference < 1e-6
    one, two = (r["plan"] for r in results("solved", alone, workers[0]))
    assert (one["replicas"], two["replicas"]) == (1, 2)
    for name in ("reason", "converged"):
        assert one[name] == two[name]
    assert two["validation_losses"] == pytest.approx(one["validation_losses"])


@pytest.mark.slow
def test_phases_are_those_of_one_process(workers, alone):
    folder, output = workers
    assert largest_difference(alone / "unfrozen", folder / "unfrozen") < 1e-5
    one, two = results("unfrozen", alone, folder)
    assert (one["plan"]["replicas"], two["plan"]["replicas"]) == (1, 2)
    assert two["audit"] == one["audit"]
    assert two["trained_parameters"] == one["trained_parameters"]
    for epoch, frozen in enumerate(
        ("the backbone is frozen", "nothing is frozen")
    ):
        line = f"Epochs done: {epoch}. From here on {frozen}, "
        assert f"[worker 0] {line}" in output
        assert f"[worker 1] {line}" not in output


@pytest.mark.slow
def test_both_workers_find_the_same_learning_rate(workers, alone):
    folder, output = workers
    assert largest_difference(alone / "found", folder / "found") < 1e-5
    one, two = (r["range_test"] for r in results("found", alone, folder))
    assert two["found"] == one["found"]
    # what rounds differently grows as the training diverges
    np.testing.assert_allclose(two["losses"][:40], one["losses"][:40], 1e-5)
    assert files.read_json(folder / "found/learning_rate.json") == two
    assert output.count("Learning rate: ") == 1


@pytest.mark.slow
def test_killed_workers_go_on_with_what_was_found(
    workers, configs, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # one before the first checkpoint, the other in the second phase
    aims = [
        Aim("os.rename", "*/learning_rate.json", after=True, worker=0),
        Aim("os.rename", "*/checkpoints/step-*14-*", after=True, worker=1),
    ]
    once = [str(tmp_path / f"killed-{aim.worker}") for aim in aims]
    aims = [
        dataclasses.asdict(dataclasses.replace(aim, once=path))
        for aim, path in zip(aims, once, strict=True)
    ]
    program = [sys.executable, "-m", "tests.crash", json.dumps(aims), "--"]
    words = ["run", *recipes(tmp_path, [configs["found"]])]
    assert launch.launch(Job(workers=2), words, program) == 0
    assert all(map(os.path.exists, once))
    found = tmp_path / "runs/found"
    (result,) = results("found", found.parent)
    assert len(result["resumed"]) == 1 and result["resumed"][0] in (10, 14)
    assert differences(workers[0] / "found", found) == []
