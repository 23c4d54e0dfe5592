"""Which plans are legal, and what is chosen and why."""

import keras
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution.plan import make_plan


def plan(*layers, replicas="auto", **settings):
    model = keras.Sequential([keras.Input((4, 4, 1)), *layers])
    settings = {"batch_size": 64, "steps_per_epoch": 100} | settings
    return make_plan(get_strategy(replicas), model, **settings)


def test_defaults():
    found = plan(keras.layers.Flatten())
    assert (found.strategy, found.replicas) == (
        "DefaultDistributionStrategy",
        1,
    )
    assert found.steps_per_execution == 32
    assert found.jit_compile is None
    assert "XLA open (to be measured)" in str(found)


def test_steps_a_call_are_at_most_an_epoch():
    layer = keras.layers.Flatten()
    assert plan(layer, steps_per_epoch=7).steps_per_execution == 7
    assert plan(layer, steps_per_execution=3).steps_per_execution == 3


def test_what_was_requested():
    layer = keras.layers.Flatten()
    assert plan(layer, jit_compile="true").jit_compile
    assert not plan(layer, jit_compile="false").jit_compile
    assert "XLA on (requested)" in str(plan(layer, jit_compile="true"))


def test_a_layer_that_cannot_be_compiled():
    layer = keras.layers.RandomRotation(0.1, name="turn")
    assert plan(layer).reason == "layer 'turn' does not support XLA"
    with pytest.raises(UserError, match="'turn' does not support XLA; use"):
        plan(layer, jit_compile="true")


@pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="GPUs compile them"
)
def test_what_is_known_to_be_slow_on_a_cpu_is_not_measured():
    layer = keras.layers.SeparableConv2D(2, 3, name="apart")
    found = plan(layer)
    assert found.jit_compile is False
    assert found.reason == "layer 'apart' is slow with XLA on a CPU"
    assert plan(layer, jit_compile="true").jit_compile


def test_synchronised_batch_statistics_are_not_compiled_on_replicas():
    layer = keras.layers.BatchNormalization(synchronized=True, name="bn")
    assert plan(layer, jit_compile="true").jit_compile
    found = plan(layer, replicas="mirrored")
    assert found.reason == "layer 'bn' communicates with other replicas"
    with pytest.raises(UserError, match="communicates with other replicas"):
        plan(layer, replicas="mirrored", jit_compile="true")
    # what runs in inference has no statistics to share
    layer.trainable = False
    assert plan(layer, replicas="mirrored", jit_compile="true").jit_compile


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"replicas": "mirrored", "batch_size": 63}, "2 replicas.*use 62"),
        ({"replicas": "mirrored", "batch_size": 1}, "2 replicas.*use 2"),
        ({"steps_per_epoch": 0}, "--batch_size=64 is more than"),
        ({"obstacle": "why", "jit_compile": "true"}, "impossible: why; use"),
    ],
)
def test_illegal_combinations(settings, message):
    with pytest.raises(UserError, match=message):
        plan(keras.layers.Flatten(), **settings)
