"""What goes through a training step: tensors by name, and the clock."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.training.execution.xla_autotune import autotune_xla
from keras_ptft.training.fit import FitConfig, fit, training_batches
from keras_ptft.training.forward import forward, only_outputs
from keras_ptft.training.training_model import TrainingModel
from tests.training.small import Halves, halves_model, largest_difference


@pytest.fixture(scope="module")
def make_halves(make_model):
    return partial(make_model, halves_model, trainable=Halves())


@pytest.mark.parametrize(
    "settings",
    [
        {"replicas": "mirrored"},
        pytest.param({"jit_compile": "true"}, marks=pytest.mark.slow),
        pytest.param(
            {"batch_size": 16, "gradient_accumulation": 4},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {
                "batch_size": 16,
                "gradient_accumulation": 4,
                "replicas": "mirrored",
            },
            marks=pytest.mark.slow,
        ),
    ],
    ids=str,
)
def test_named_inputs_targets_and_outputs(make_halves, splits, settings):
    plain = make_halves(jit_compile="false")
    expected_rows = fit(plain, splits, FitConfig(epochs=2))
    assert expected_rows[-1]["val_accuracy"] > 0.3
    model = make_halves(**settings)
    names = ("batch_size", "gradient_accumulation")
    shown = {name: settings[name] for name in names if name in settings}
    rows = fit(model, splits, FitConfig(epochs=2, **shown))
    weights = plain.model.get_weights(), model.model.get_weights()
    assert largest_difference(*weights) < 1e-5
    for row, other in zip(expected_rows, rows, strict=True):
        assert row["val_loss"] == pytest.approx(other["val_loss"], rel=1e-5)
        assert row["accuracy"] == pytest.approx(other["accuracy"])


@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
def test_inference_keeps_the_names(make_halves, splits, replicas):
    model = make_halves(replicas=replicas).model
    source = splits["validation"]
    found = forward(
        model,
        source,
        only_outputs,
        transform=Halves().transform,
        batch_size=40,
    )
    parts = list(found)
    assert [len(part["digit"]) for part in parts] == [40, 40, 21]
    images = source.gather(tf.range(101, dtype=tf.int64))
    expected = model({"top": images[:, :4], "bottom": images[:, 4:]})
    for name, outputs in expected.items():
        joined = np.concatenate([part[name] for part in parts])
        np.testing.assert_allclose(joined, outputs, rtol=1e-5, atol=1e-6)


def test_xla_is_measured_with_names_too(make_halves, splits):
    model = make_halves()
    plan = autotune_xla(
        model.plan,
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
        total_steps=10**9,
    )
    assert set(plan.step_seconds) == {"compiled", "plain"}


def test_waiting_is_measured(make_model, splits):
    model = make_model()
    assert model.waited_seconds == 0.0
    fit(model, splits, FitConfig(epochs=1))
    assert model.waited_seconds > 0.0
