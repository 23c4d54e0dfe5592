"""Averages of the weights: kept, scored, saved and resumed."""

from functools import partial

import keras
import numpy as np
import pytest

from keras_ptft.training.checkpointing.store import Checkpoints, Interval
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.forward import outputs_of
from tests.training.small import (
    STATEFUL_CNN,
    Labels,
    cnn,
    largest_difference,
    timeless,
    values_of,
)


def weights_after(model, splits, steps):
    model.steps_per_epoch = steps
    fit(model, {"train": splits["train"]}, FitConfig(epochs=1))
    return model.model.get_weights()


def score(model, source):
    """The loss and the accuracy on a source."""
    logits = outputs_of(model.model, source)
    losses = Labels().loss(source.labels, logits).numpy()
    return losses.mean(), (logits.argmax(axis=1) == source.labels).mean()


@pytest.mark.parametrize(
    "optimizer", ["sgd", pytest.param("adamw", marks=pytest.mark.slow)]
)
def test_the_average_by_hand(make_model, splits, optimizer):
    make = partial(make_model, optimizer=optimizer, learning_rate=0.1)
    first, *later = (weights_after(make(), splits, n) for n in (1, 2, 3, 4))
    found = weights_after(make(ema=0.75), splits, 4)
    expected = first
    for weights in later:
        pairs = zip(expected, weights, strict=True)
        expected = [0.75 * old + 0.25 * new for old, new in pairs]
    assert largest_difference(found, expected) < 1e-6
    assert largest_difference(found, later[-1]) > 1e-3


def test_what_is_trained_is_not_the_average(make_model, splits):
    plain, averaged = make_model(), make_model(ema=0.9)
    rows, others = (
        fit(model, splits, FitConfig(epochs=3)) for model in (plain, averaged)
    )
    # the same steps on the same weights
    for name in ("loss", "accuracy"):
        assert [r[name] for r in rows] == [r[name] for r in others]
    assert rows[0]["val_loss"] != others[0]["val_loss"]


def test_validation_scores_the_average_that_is_kept(make_model, splits):
    model = make_model(ema=0.95)
    rows = fit(model, splits, FitConfig(epochs=2))
    loss, accuracy = score(model, splits["validation"])
    assert rows[-1]["val_loss"] == pytest.approx(loss, rel=1e-5)
    assert rows[-1]["val_accuracy"] == pytest.approx(accuracy)


def test_the_latest_weights_come_back_to_the_bit(make_model, splits):
    model = make_model(ema=0.9)
    latest = weights_after(make_model(), splits, 3)
    averages = weights_after(model, splits, 3)
    for variable, value in zip(model.tuning.variables, latest, strict=True):
        variable.assign(value)
    with model.averaged():
        held = model.model.get_weights()
    assert largest_difference(held, averages) == 0
    assert largest_difference(model.model.get_weights(), latest) == 0


def test_early_stopping_keeps_the_best_average(make_model, splits):
    make = partial(make_model, learning_rate=0.8, ema=0.8)
    model = make()
    config = FitConfig(epochs=30, early_stopping_patience=2)
    rows = fit(model, splits, config)
    losses = [row["val_loss"] for row in rows]
    best = int(np.argmin(losses))
    assert len(rows) == best + 3 < 30
    assert min(losses) == pytest.approx(
        score(model, splits["validation"])[0], rel=1e-5
    )
    again = make()
    fit(again, splits, FitConfig(epochs=best + 1))
    assert largest_difference(values_of(model), values_of(again)) == 0


def test_batch_statistics_are_the_latest(make_model, splits):
    build = partial(cnn, batch_norm=True)
    plain, averaged = make_model(build), make_model(build, ema=0.9)
    for model in (plain, averaged):
        fit(model, {"train": splits["train"]}, FitConfig(epochs=1))
    for one, other in zip(
        plain.model.non_trainable_variables,
        averaged.model.non_trainable_variables,
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def resumed(make, splits, folder, **settings):
    """A training, and the same one resumed from its middle."""
    kept = Checkpoints(folder, keep=99, interval=Interval(steps=7))
    config = FitConfig(epochs=2, **settings)
    whole = make()
    rows = fit(whole, splits, config, checkpoints=kept)
    for path in folder.iterdir():
        if int(path.name.split("-")[1]) > 16:
            path.unlink()
    start = kept.latest()
    assert start.step == 14
    again = make()
    found = fit(again, splits, config, checkpoints=kept, start=start)
    assert timeless(rows) == timeless(found)
    return values_of(whole), values_of(again)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        pytest.param({"replicas": "mirrored"}, marks=pytest.mark.slow),
        pytest.param({"optimizer": "adamw"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_it_resumes_to_the_same_bits(make_model, splits, settings, tmp_path):
    make = partial(
        make_model, STATEFUL_CNN, ema=0.9, steps_per_execution=1, **settings
    )
    one, other = resumed(make, splits, tmp_path, early_stopping_patience=1)
    assert largest_difference(one, other) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"replicas": "mirrored"},
        {"jit_compile": "true"},
        {"batch_size": 16, "gradient_accumulation": 4},
    ],
    ids=str,
)
def test_every_plan_gives_the_same_average(make_model, splits, settings):
    make = partial(make_model, cnn, ema=0.9)
    plain = make(jit_compile="false")
    expected = fit(plain, splits, FitConfig(epochs=2))
    model = make(**settings)
    names = ("batch_size", "gradient_accumulation")
    shown = {name: settings[name] for name in names if name in settings}
    rows = fit(model, splits, FitConfig(epochs=2, **shown))
    assert largest_difference(values_of(plain), values_of(model)) < 1e-5
    assert rows[-1]["val_loss"] == pytest.approx(
        expected[-1]["val_loss"], rel=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(make_model, splits, precision):
    keras.config.set_dtype_policy(precision)
    try:
        model = make_model(cnn, learning_rate=0.05, ema=0.9)
        rows = fit(model, splits, FitConfig(epochs=4))
    finally:
        keras.config.set_dtype_policy("float32")
    assert {variable.dtype for variable in model.tuning.variables} == {
        "float32"
    }
    assert rows[-1]["val_accuracy"] > 0.6
