"""One step of a training, layer by layer."""

import dataclasses
import math
import re

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.pipeline.batching import unweighted
from keras_ptft.training.checkpointing import state
from keras_ptft.training.checkpointing.store import Checkpoint, Checkpoints
from keras_ptft.training.fit import FitConfig, fit, training_batches
from keras_ptft.training.nonfinite import NonFiniteError
from keras_ptft.training.replay import (
    Extent,
    Found,
    LayerRow,
    Replayed,
    is_looked_for,
    looking_for,
)
from tests.training.small import STATEFUL_CNN, Labels, values_of

EVERY_STEP = FitConfig(epochs=1, seed=3)


class Roots(Labels):
    """A finite loss whose gradients are none."""

    def loss(self, targets, outputs):
        root = tf.sqrt(0.0 * tf.reduce_sum(outputs, axis=1) ** 2)
        return super().loss(targets, outputs) + root


class Spoilt(Labels):
    """One example of one batch is not finite."""

    def transform(self, inputs, labels, seeds):
        inputs, targets, weights = unweighted(inputs, labels, seeds)
        bad = tf.where(seeds[:, 2] == 100, math.inf, 1.0)
        return inputs, targets, weights * bad


def looked(model, splits, step, start=None):
    with looking_for(step), pytest.raises(Found) as caught:
        fit(model, {"train": splits["train"]}, EVERY_STEP, start=start)
    return caught.value.replayed


def unnumbered(found):
    """The rows without the numbers that a process counts layers by."""
    return [
        dataclasses.replace(row, name=re.sub(r"_\d+$", "", row.name))
        for row in found.layers
    ]


def test_rows_tell_where_it_begins():
    fine, bad = Extent(3.0, True), Extent(1.0, False)
    rows = [LayerRow("a", fine), LayerRow("b", bad), LayerRow("c", bad)]
    losses = np.array([0.5, np.nan, 1.0, np.inf])
    found = Replayed(7, math.nan, 0.1, rows, losses, {})
    assert (found.first, found.examples) == ("b", [1, 3])
    assert Replayed(7, 0.5, 0.1, rows[:1], losses[:1], {}).first == ""


def test_nothing_is_looked_for_unless_asked():
    assert not is_looked_for(10**9)
    with looking_for(5):
        assert is_looked_for(6) and not is_looked_for(5)
    assert not is_looked_for(10**9)


@pytest.mark.slow
def test_a_gradient_comes_before_the_loss(make_model, splits):
    model = make_model(trainable=Roots())
    before = values_of(model)
    found = looked(model, splits, 4)
    # the weights are not spoilt yet, and no output is
    assert (found.step, found.first, found.examples) == (0, "", [])
    assert math.isfinite(found.loss)
    trained = [row for row in found.layers if row.gradients]
    assert len(trained) == 2
    assert not any(row.gradients.finite for row in trained)
    for old, new in zip(before, values_of(model), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_a_step_is_the_same_from_the_start_and_from_a_checkpoint(
    make_model, splits
):
    # with random seeds and batch statistics
    first = looked(make_model(STATEFUL_CNN), splits, 3)
    model = make_model(STATEFUL_CNN)
    looked(model, splits, 2)
    # the look at step 2 does not apply it
    arrays = state.capture(model)
    assert arrays[next(n for n in arrays if n.endswith(" step"))] == 2
    start = Checkpoint(2, arrays, {"ended": False})
    second = looked(make_model(STATEFUL_CNN), splits, 3, start)
    assert unnumbered(first) == unnumbered(second)
    assert first.step == second.step == 3
    np.testing.assert_array_equal(first.losses, second.losses)
    batches = training_batches(
        splits["train"], Labels(), EVERY_STEP, start_step=3
    )
    inputs, targets, weights = next(iter(batches))
    np.testing.assert_array_equal(first.batch["inputs"], inputs)
    np.testing.assert_array_equal(first.batch["targets"], targets)
    np.testing.assert_array_equal(first.batch["weights"], weights)
    names = [row.name for row in unnumbered(first)]
    assert names.index("conv1") < names.index("dropout")
    conv = first.layers[names.index("conv1")]
    assert conv.outputs.finite and conv.weights.largest > 0
    assert conv.gradients.largest > 0


@pytest.mark.slow
def test_the_error_tells_the_step(make_model, splits, tmp_path):
    model = make_model(trainable=Spoilt())
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(NonFiniteError, match="not finite at step") as caught:
        fit(
            model,
            {"train": splits["train"]},
            EVERY_STEP,
            checkpoints=checkpoints,
        )
    facts = caught.value.facts
    assert facts["epoch"] == 1
    assert facts["learning_rate"] == pytest.approx(0.01)
    assert checkpoints.latest() is None
    found = looked(make_model(trainable=Spoilt()), splits, facts["step"])
    assert found.step == facts["step"]
    assert np.isinf(found.batch["weights"]).sum() == 1
