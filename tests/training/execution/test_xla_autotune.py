"""XLA is measured where it is open, and the trial leaves no trace."""

import dataclasses
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.objectives.classification import classification
from keras_ptft.objectives.objective import Task
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution import xla_autotune
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.fit import FitConfig, training_batches
from keras_ptft.training.optimizers.optimizers import make_optimizer
from keras_ptft.training.training_model import TrainingModel

BACKBONE = "cnn(filters=[4], dense=8, batch_norm=True, dropout=0.2)"


def autotune_xla(loop, digits, jit_compile=None, total_steps=10**9):
    """Settles a plan with loops that are all over the one model."""
    plan = dataclasses.replace(loop.plan, jit_compile=jit_compile)
    source = digits.splits["train"]
    return xla_autotune.autotune_xla(
        plan,
        lambda plan: TrainingModel(
            loop.model,
            loop.objective,
            optimizer=loop.optimizer,
            plan=plan,
            steps_per_epoch=loop.steps_per_epoch,
        ),
        partial(training_batches, source, loop.objective, FitConfig()),
        total_steps=total_steps,
    )


@pytest.mark.parametrize("jit_compile", [True, False])
def test_what_is_decided_stays(make_loop, digits, jit_compile):
    found = autotune_xla(make_loop(), digits, jit_compile)
    assert found.jit_compile == jit_compile
    assert found.step_seconds == {}


def test_short_trainings_are_not_compiled(make_loop, digits):
    found = autotune_xla(make_loop(), digits, total_steps=2)
    assert found.jit_compile is False
    assert "s of training at most: too short to gain" in found.reason


@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
def test_the_faster_is_chosen_by_both_figures(make_loop, digits, replicas):
    loop = make_loop("cnn(filters=[4], dense=8)", replicas=replicas)
    found = autotune_xla(loop, digits)
    plain = found.step_seconds["plain"]
    compiled = found.step_seconds["compiled"]
    assert found.jit_compile == (compiled < 0.9 * plain)
    expected = f"{1e3 * compiled:.2f} ms a step with, {1e3 * plain:.2f} ms"
    assert found.reason.startswith(expected)
    assert found.reason in str(found)


def test_a_trial_leaves_no_trace(make_loop, digits):
    loop = make_loop(BACKBONE)
    variables = [*loop.model.variables, *loop.optimizer.variables]
    before = [np.array(variable.value) for variable in variables]
    autotune_xla(loop, digits)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.value, value, variable.path)


class Uncompiled(keras.layers.Layer):
    """A layer that promises to compile, and cannot."""

    def call(self, inputs):
        outputs = tf.numpy_function(lambda x: x, [inputs], tf.float32)
        outputs.set_shape(inputs.shape)
        return tf.stop_gradient(outputs) + inputs


def test_what_cannot_be_compiled_is_found_out(digits):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Flatten()(Uncompiled()(x))
    objective = classification(Task(digits.label_names))
    model = objective.assemble(keras.Model(inputs, x))
    loop = TrainingModel(
        model,
        objective,
        optimizer=make_optimizer(
            "sgd", "constant", learning_rate=0.1, total_steps=9
        ),
        plan=make_plan(
            get_strategy("auto"), model, batch_size=64, steps_per_epoch=9
        ),
        steps_per_epoch=9,
    )
    found = autotune_xla(loop, digits)
    assert found.jit_compile is False
    assert found.reason.startswith("it fails: ")
