"""Strategies by name, and the batches of workers and replicas."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.training.distribution import strategies
from keras_ptft.training.distribution.worker_run_dir import worker_run_dir


@pytest.mark.parametrize("named", [False, True])
def test_batches_of_a_worker_with_several_replicas(named):
    def make(shard):
        assert shard == (1, 2)
        numbers = tf.data.Dataset.range(12).batch(4, drop_remainder=True)
        inputs = {"a": numbers, "b": numbers} if named else numbers
        return tf.data.Dataset.zip((inputs, numbers, numbers))

    context = tf.distribute.InputContext(2, 1, num_replicas_in_sync=4)
    batches = strategies.per_worker_batches(make, context)
    for spec in tf.nest.flatten(batches.element_spec):
        assert spec.shape == (2,)
    assert batches.cardinality() == 6
    for part in range(4 if named else 3):
        found = np.concatenate([tf.nest.flatten(b)[part] for b in batches])
        assert found.tolist() == list(range(12))


def test_a_single_process_is_the_chief_and_all_workers(tmp_path):
    alone = strategies.get_strategy("one_device")
    assert strategies.is_chief(alone)
    assert strategies.first_replica(alone) == 0
    assert strategies.all_reduce_mean(alone, 0.5) == 0.5
    rows = np.arange(3)
    assert strategies.all_gather(alone, rows) is rows
    assert strategies.of_first(alone, rows) is rows
    with worker_run_dir(alone, tmp_path / "run") as runs_dir:
        assert runs_dir == tmp_path


def test_a_cluster_that_comes_too_late(monkeypatch):
    tf.constant(1)
    monkeypatch.setenv("KERAS_PTFT_HOSTS", "localhost:1,localhost:2")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match="join before TensorFlow is used in"):
        strategies.get_strategy("multi_worker")


def test_no_tpu(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)
    with pytest.raises(UserError, match="needs a TPU, got none as local: Tens"):
        strategies.get_strategy("tpu")


def test_unknown_strategy():
    with pytest.raises(UserError, match=r"there are: auto, .*, tpu"):
        strategies.get_strategy("many")
