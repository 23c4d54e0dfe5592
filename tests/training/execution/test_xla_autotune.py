"""XLA is timed where the plan leaves it open, and the trial changes nothing."""

import dataclasses
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.training.execution import xla_autotune
from keras_ptft.training.fit import FitConfig, training_batches
from keras_ptft.training.training_model import TrainingModel
from tests.training.small import STATEFUL_CNN, cnn


def autotune_xla(model, splits, jit_compile=None, total_steps=10**9):
    """Tunes a plan; all trials run on the variables of one model."""
    plan = dataclasses.replace(model.plan, jit_compile=jit_compile)
    return xla_autotune.autotune_xla(
        plan,
        partial(
            TrainingModel,
            model.model,
            model.objective,
            optimizer=model.optimizer,
            steps_per_epoch=model.steps_per_epoch,
        ),
        partial(
            training_batches, splits["train"], model.objective, FitConfig()
        ),
        total_steps=total_steps,
    )


@pytest.mark.parametrize("jit_compile", [True, False])
def test_what_is_decided_stays(make_model, splits, jit_compile):
    found = autotune_xla(make_model(), splits, jit_compile)
    assert found.jit_compile == jit_compile
    assert found.step_seconds == {}


def test_short_trainings_are_not_compiled(make_model, splits):
    # no step at all: shorter than any limit, however slow the machine
    found = autotune_xla(make_model(), splits, total_steps=0)
    assert found.jit_compile is False
    assert found.reason == "0.0 s of training at most: too short to gain"


@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
def test_the_faster_is_chosen_by_both_figures(make_model, splits, replicas):
    model = make_model(cnn, replicas=replicas)
    found = autotune_xla(model, splits)
    plain = found.step_seconds["plain"]
    compiled = found.step_seconds["compiled"]
    assert found.jit_compile == (compiled < 0.9 * plain)
    expected = f"{1e3 * compiled:.2f} ms a step with, {1e3 * plain:.2f} ms"
    assert found.reason.startswith(expected)
    assert found.reason in str(found)


def test_a_trial_changes_nothing(make_model, splits):
    model = make_model(STATEFUL_CNN)
    variables = [*model.model.variables, *model.optimizer.variables]
    before = [np.array(variable.value) for variable in variables]
    autotune_xla(model, splits)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.value, value, variable.path)


def operations(model, splits):
    make = partial(
        training_batches, splits["train"], model.objective, FitConfig()
    )
    return xla_autotune._Pass(model, make).operations()


class Uncompiled(keras.layers.Layer):
    """A layer that promises to compile, and cannot."""

    def call(self, inputs):
        outputs = tf.numpy_function(lambda x: x, [inputs], tf.float32)
        outputs.set_shape(inputs.shape)
        return tf.stop_gradient(outputs) + inputs


def uncompiled_model():
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Flatten()(Uncompiled()(x))
    return keras.Model(inputs, keras.layers.Dense(10)(x))


def test_a_failing_compilation_turns_xla_off(make_model, splits):
    found = autotune_xla(make_model(uncompiled_model), splits)
    assert found.jit_compile is False
    assert found.reason.startswith("it fails: ")


@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
def test_a_trial_is_no_more_than_its_share_of_the_training(
    make_model, splits, replicas, monkeypatch
):
    model = make_model(cnn, replicas=replicas)
    # steps of a second each, so that only the operations decide
    monkeypatch.setattr(xla_autotune._Pass, "seconds", lambda _: 1.0)
    enough = autotune_xla(model, splits, total_steps=20_000)
    assert enough.step_seconds == {"compiled": 1.0, "plain": 1.0}
    # 5 % are 2 s, and two steps alone take as much
    short = autotune_xla(model, splits, total_steps=40)
    assert short.jit_compile is False
    assert short.reason == "trying takes 3 s of 40 s of training"
    assert short.step_seconds == {}


def test_operations_are_counted_but_for_those_that_do_nothing(
    make_model, splits
):
    one, two = (
        operations(make_model(partial(cnn, convolutions=n)), splits)
        for n in (1, 2)
    )
    # the convolution, its bias, ReLU, and five for their gradients; reshapes
    # come to them, and no weights or constants
    assert 8 <= two - one <= 12
