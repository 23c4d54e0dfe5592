"""One process, two replicas and two workers train the same model."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.experiment import stages
from keras_ptft.training.distribution import strategies
from keras_ptft.training.distribution.worker_run_dir import worker_run_dir

COMMON = {
    "image_size": 8,
    "epochs": 2,
    "optimizer": "sgd(momentum=0.9)",
    "learning_rate": 0.02,
    # 1,305 examples leave a remainder of 45, and 141 for validation one of
    # 21, which two workers share as 12 and 9
    "batch_size": 60,
    "on_leak": "warn",
}
QUICK = {"mlp": {"backbone": "mlp(hidden=[16])"}}
SLOW = {
    "normalised": {
        "backbone": "cnn(filters=[4], pool=1, dense=8, batch_norm=True)",
    },
    # 50 examples are 2 batches and a rest; the frozen part is computed once
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
    },
    "accumulated": {
        "backbone": "mlp(hidden=[16])",
        "gradient_accumulation": 3,
        "class_weight": "balanced",
    },
    "augmented": {
        "backbone": "cnn(filters=[4], dense=8)",
        "augment": "shift(padding=1)",
        "early_stopping_patience": 1,
    },
}


def launched(folder, runs):
    """Trains runs in one job of two workers; gives their output."""
    recipes = []
    for name, settings in runs.items():
        recipe = folder / f"{name}.flags"
        config = Config(**COMMON | settings, name=name)
        recipe.write_text(config.to_flags(), encoding="utf-8")
        recipes.append(str(recipe))
    words = ["launch", "--workers=2", "--max_restarts=0", "--", "run"]
    words += [*recipes, f"--runs_dir={folder / 'runs'}"]
    done = subprocess.run(
        [sys.executable, "-m", "keras_ptft", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def trained_here(folder, runs, strategy):
    for name, settings in runs.items():
        config = Config(**COMMON | settings, name=name, strategy=strategy)
        stage = stages.finetune if config.init_from else stages.pretrain
        stage(config.replace(runs_dir=str(folder / strategy)))


def largest_difference(first, second):
    """Relative to the largest number of each tensor and of each score."""
    found = []
    weights = [
        keras.saving.load_model(run / "model.keras").get_weights()
        for run in (first, second)
    ]
    for a, b in zip(*weights, strict=True):
        found.append(np.abs(a - b).max() / np.abs(a).max())
    rows = [
        files.read_json(r / "result.json")["history"] for r in (first, second)
    ]
    for one, other in zip(*rows, strict=True):
        for name in set(one) - {"seconds"}:
            found.append(abs(one[name] - other[name]) / abs(one[name]))
    return float(max(found))


def compared(folder, name):
    workers, one, two = (
        folder / runs / name for runs in ("runs", "one_device", "mirrored")
    )
    return {
        "1 process, 2 workers": largest_difference(one, workers),
        "2 replicas, 2 workers": largest_difference(two, workers),
    }


@pytest.mark.slow
def test_two_workers_are_one_process(tmp_path):
    output = launched(tmp_path, QUICK)
    for strategy in ("one_device", "mirrored"):
        trained_here(tmp_path, QUICK, strategy)
    differences = compared(tmp_path, "mlp")
    assert max(differences.values()) < 1e-5, differences

    plan = files.read_json(tmp_path / "runs/mlp/result.json")["plan"]
    assert plan["replicas"] == 2
    # one of them tells of progress, and nothing is left of the other
    assert "[worker 0] epoch 2/2" in output
    assert "[worker 1] epoch" not in output
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["mlp"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    launched(folder, SLOW)
    for strategy in ("one_device", "mirrored"):
        trained_here(folder, SLOW, strategy)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_workers_replicas_and_one_process_agree(trained, name):
    differences = compared(trained, name)
    print(name, differences)
    assert max(differences.values()) < 1e-5


@pytest.mark.slow
def test_what_workers_ran_is_what_was_asked_for(trained):
    plan = files.read_json(trained / "runs/compiled/result.json")["plan"]
    assert plan["jit_compile"] and plan["steps_per_execution"] == 7
    assert (trained / "runs" / ".features").is_dir()
    assert not [p for p in trained.rglob("*") if "partial" in p.name]


def test_own_batches_of_a_worker_with_several_replicas():
    def make(share):
        assert share == (1, 2)
        numbers = tf.data.Dataset.range(12).batch(4, drop_remainder=True)
        return tf.data.Dataset.zip((numbers, numbers, numbers))

    context = tf.distribute.InputContext(2, 1, num_replicas_in_sync=4)
    own = strategies.per_worker_batches(make, context)
    assert own.element_spec[0].shape == (2,)
    assert own.cardinality() == 6
    found = np.concatenate([numbers for numbers, _, _ in own])
    assert found.tolist() == list(range(12))


def test_alone_a_process_writes_where_it_was_told(tmp_path):
    alone = strategies.get_strategy("one_device")
    assert strategies.is_chief(alone)
    assert strategies.all_reduce_mean(alone, 0.5) == 0.5
    with worker_run_dir(alone, tmp_path / "run") as runs_dir:
        assert runs_dir == pathlib.Path(tmp_path)


def test_a_cluster_that_comes_too_late(monkeypatch):
    tf.constant(1)
    monkeypatch.setenv("KERAS_PTFT_HOSTS", "localhost:1,localhost:2")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match="join before TensorFlow is used in"):
        strategies.get_strategy("multi_worker")


def test_no_tpu(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)
    with pytest.raises(UserError, match="needs a TPU, got none as local: this"):
        strategies.get_strategy("tpu")


def test_unknown_strategy():
    with pytest.raises(UserError, match=r"there are: auto, .*, tpu"):
        strategies.get_strategy("many")


def test_no_cluster_is_told_in_one_line(tmp_path):
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
    told = "keras-ptft: --strategy=multi_worker needs to be told the workers"
    assert done.stderr.startswith(told)
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
