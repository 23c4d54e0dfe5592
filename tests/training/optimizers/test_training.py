"""Every optimizer in a training: replicas, half precision, resumption."""

import keras
import numpy as np
import pytest

from keras_ptft.training.checkpointing.store import Checkpoints, Interval
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.optimizers import OPTIMIZERS
from tests.training.small import (
    STATEFUL_CNN,
    largest_difference,
    timeless,
    values_of,
)

# optimizer → a learning rate that suits the digits
RATES = {
    "sgd": 0.1,
    "adam": 0.01,
    "adamw": 0.01,
    "lion": 0.005,
    "adafactor": 0.05,
    "muon": 0.03,
    "schedule_free_adamw": 0.03,
}


@pytest.fixture(params=RATES)
def settings(request):
    return {
        "optimizer": request.param,
        "learning_rate": RATES[request.param],
        "jit_compile": "false",
    }


def test_every_optimizer_has_a_rate():
    assert set(RATES) == set(OPTIMIZERS)


def test_it_learns_the_digits(make_model, splits, settings):
    model = make_model(**settings)
    rows = fit(model, splits, FitConfig(epochs=3))
    assert rows[-1]["val_accuracy"] > 0.8


@pytest.mark.slow
def test_two_replicas_train_alike(make_model, splits, settings):
    weights = []
    for replicas in ("auto", "mirrored"):
        model = make_model(replicas=replicas, steps_per_execution=4, **settings)
        fit(model, {"train": splits["train"]}, FitConfig(epochs=1))
        weights.append(np.concatenate([v.ravel() for v in values_of(model)]))
    apart = np.abs(weights[0] - weights[1])
    # the sign that Lion takes turns on the last bit of a gradient near 0
    assert np.quantile(apart, 0.98) < 1e-5
    assert apart.max() < 4 * settings["learning_rate"]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(make_model, splits, settings, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = make_model(**settings)
        rows = fit(model, splits, FitConfig(epochs=3))
    finally:
        keras.config.set_dtype_policy("float32")
    assert rows[-1]["val_accuracy"] > 0.8


@pytest.mark.slow
def test_it_resumes_to_the_same_bits(make_model, splits, settings, tmp_path):
    def train(folder, start=None):
        model = make_model(STATEFUL_CNN, steps_per_execution=3, **settings)
        kept = Checkpoints(folder, keep=99, interval=Interval(steps=7))
        rows = fit(
            model,
            splits,
            FitConfig(epochs=2),
            checkpoints=kept,
            start=start and kept.latest(),
        )
        return timeless(rows), values_of(model)

    expected_rows, expected = train(tmp_path / "all")
    (path,) = (tmp_path / "all").glob("*step-000000028*")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / path.name).write_bytes(path.read_bytes())
    rows, found = train(tmp_path / "one", start=True)
    assert rows == expected_rows
    assert largest_difference(expected, found) == 0
