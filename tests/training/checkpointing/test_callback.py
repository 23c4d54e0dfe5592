"""A training resumes from any of its checkpoints to the same bits."""

import os
import signal
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.showing import Showing
from keras_ptft.errors import TrainingInterrupted, UserError
from keras_ptft.registry import lookup
from keras_ptft.training.checkpointing import callback
from keras_ptft.training.checkpointing.store import Checkpoints, Interval
from keras_ptft.training.fit import FitConfig, fit
from tests.states import wait_until
from tests.training.small import (
    STATEFUL_CNN,
    largest_difference,
    mlp,
    timeless,
    values_of,
)

SHIFT = lookup(AUGMENTATIONS, "shift(padding=1)", "augmentation")
EVERY = Interval(steps=7)


def assert_same_bits(model, other):
    pairs = zip(values_of(model), values_of(other), strict=True)
    assert all(np.array_equal(one, two) for one, two in pairs)


def assert_resumes(make, splits, fit_config, checkpoints, *, steps=None):
    """Resumes at some of the steps and compares with the whole training.

    The whole training reads batches of tf.data, those that are resumed gather
    them in their loop.
    """
    whole = make()
    rows = fit(whole, splits, fit_config, checkpoints=checkpoints)
    saved = steps_in(checkpoints.folder)
    assert steps is None or set(steps) <= set(saved), saved
    for path, step in zip(
        sorted(checkpoints.folder.iterdir()), saved, strict=True
    ):
        if steps is not None and step not in steps:
            continue
        folder = checkpoints.folder.parent / str(step)
        folder.mkdir()
        (folder / path.name).write_bytes(path.read_bytes())
        again = Checkpoints(folder, keep=99, interval=EVERY)
        model = make(resident=True)
        start = again.latest()
        found = fit(model, splits, fit_config, checkpoints=again, start=start)
        assert timeless(found) == timeless(rows), step
        assert_same_bits(whole, model)
    return rows, saved


def all_kept(tmp_path, interval=EVERY):
    return Checkpoints(tmp_path / "all", keep=99, interval=interval)


def steps_in(folder):
    return [int(p.name.split("-")[1]) for p in sorted(folder.iterdir())]


ACCUMULATION = {"batch_size": 16, "gradient_accumulation": 4}
CASES = {
    "mlp": ({}, {}),
    "cnn": (
        {"build": STATEFUL_CNN, "optimizer": "adam"},
        {"showing": Showing(SHIFT)},
    ),
    "accumulation": (ACCUMULATION, ACCUMULATION),
    "mirrored": ({"build": STATEFUL_CNN, "replicas": "mirrored"}, {}),
    "compiled": ({"build": STATEFUL_CNN, "jit_compile": "true"}, {}),
    "weighted": (
        {},
        {"class_weights": np.linspace(0.1, 3, 10, dtype=np.float32)},
    ),
}
QUICK = {"mlp", "accumulation"}


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        pytest.param(*case, marks=[] if name in QUICK else pytest.mark.slow)
        for name, case in CASES.items()
    ],
    ids=list(CASES),
)
def test_within_an_epoch_and_at_its_end(
    make_model, splits, tmp_path, settings, shown
):
    # of 22 steps an epoch, 3 a call: what is due at 7 is saved at 9
    plan = {"jit_compile": "false", "steps_per_execution": 3} | settings
    _, saved = assert_resumes(
        partial(make_model, **plan),
        splits,
        FitConfig(epochs=2, **shown),
        all_kept(tmp_path),
        steps=(9, 28, 44),
    )
    assert saved == [9, 15, 21, 28, 37, 43, 44]


@pytest.mark.parametrize(
    "batch_size", [pytest.param(32, marks=pytest.mark.slow), 16]
)
def test_smaller_batches_of_the_same_steps(
    make_model, splits, tmp_path, batch_size
):
    every, whole = all_kept(tmp_path), make_model(jit_compile="false")
    rows = fit(whole, splits, FitConfig(epochs=2), checkpoints=every)
    (path,) = (p for p in every.folder.iterdir() if "step-000000022" in p.name)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / path.name).write_bytes(path.read_bytes())
    again = Checkpoints(tmp_path / "one", interval=EVERY)
    pair = {"batch_size": batch_size, "gradient_accumulation": 64 // batch_size}
    model = make_model(jit_compile="false", **pair)
    shown = FitConfig(epochs=2, **pair)
    found = fit(model, splits, shown, checkpoints=again, start=again.latest())
    assert int(model.step.numpy()) == 44
    assert largest_difference(values_of(whole), values_of(model)) < 1e-5
    for row, other in zip(timeless(rows), timeless(found), strict=True):
        assert other == pytest.approx(row, rel=1e-5)


@pytest.mark.slow
def test_half_precision_with_its_loss_scale(make_model, splits, tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    plan = {"jit_compile": "false", "steps_per_execution": 5}
    try:
        assert_resumes(
            partial(make_model, STATEFUL_CNN, **plan),
            splits,
            FitConfig(epochs=2),
            all_kept(tmp_path),
            steps=(10, 37),
        )
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.slow
def test_early_stopping_is_resumed_and_stays_ended(
    make_model, splits, tmp_path
):
    rows, saved = assert_resumes(
        partial(make_model, learning_rate=0.8, steps_per_execution=5),
        splits,
        FitConfig(epochs=30, early_stopping_patience=2),
        all_kept(tmp_path, Interval(steps=15)),
    )
    losses = [row["val_loss"] for row in rows]
    assert len(rows) == int(np.argmin(losses)) + 3 < 30
    # the last one is of a training that had ended
    assert saved[-1] == 22 * len(rows)


def save_epochs(monkeypatch, min_seconds, max_fraction):
    monkeypatch.setattr(callback, "MIN_EPOCH_SECONDS", min_seconds)
    monkeypatch.setattr(callback, "MAX_SAVING_FRACTION", max_fraction)


def test_the_best_at_the_end_of_an_epoch_stays(
    make_model, splits, tmp_path, monkeypatch
):
    save_epochs(monkeypatch, min_seconds=1e-9, max_fraction=float("inf"))
    checkpoints = Checkpoints(tmp_path, keep=1)
    rows = fit(
        make_model(learning_rate=0.8),
        splits,
        FitConfig(epochs=6),
        checkpoints=checkpoints,
    )
    best = 22 * (int(np.argmin([row["val_loss"] for row in rows])) + 1)
    assert steps_in(tmp_path) == [best, 132] and best < 132
    assert checkpoints.latest().facts["best"][1] == best


@pytest.mark.parametrize(
    ("min_seconds", "max_fraction", "saved"),
    [
        (1e-9, float("inf"), [22, 44, 66, 88]),
        # epochs are too short: only the last is saved
        (1e9, float("inf"), [88]),
        # saving takes too long: after the first, only the last
        (1e-9, 1e-12, [22, 88]),
    ],
)
def test_ends_of_epochs_are_saved_if_there_is_time(
    make_model, splits, tmp_path, monkeypatch, min_seconds, max_fraction, saved
):
    save_epochs(monkeypatch, min_seconds, max_fraction)
    checkpoints = Checkpoints(tmp_path, keep=99)
    fit(make_model(), splits, FitConfig(epochs=4), checkpoints=checkpoints)
    assert steps_in(tmp_path) == saved


def test_seconds_are_checked_between_calls(make_model, splits, tmp_path):
    checkpoints = Checkpoints(
        tmp_path, keep=99, interval=Interval(seconds=1e-9)
    )
    model = make_model(steps_per_execution=8)
    fit(model, splits, FitConfig(epochs=1), checkpoints=checkpoints)
    assert steps_in(tmp_path) == [8, 16, 22]


def signalling(model, name, number):
    """A step of a model that sends a signal to this process, once."""
    step, sent = getattr(model, name), []

    def send():
        if not sent:
            sent.append(os.kill(os.getpid(), number))
            wait_until(lambda: model.stop_requested.numpy() == 1)

    def wrapped(data):
        tf.py_function(send, [], [])
        return step(data)

    return wrapped


@pytest.mark.parametrize(
    ("when", "number"),
    [
        ("training", signal.SIGINT),
        ("validation", signal.SIGTERM),
        pytest.param("training", signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("validation", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_a_signal_stops_after_the_next_step(
    make_model, splits, tmp_path, monkeypatch, number, when
):
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    whole = make_model()
    fit_config = FitConfig(epochs=3)
    rows = fit(whole, splits, fit_config)
    model, checkpoints = make_model(), all_kept(tmp_path)
    name = "train_step" if when == "training" else "test_step"
    monkeypatch.setattr(model, name, signalling(model, name, number))
    with pytest.raises(TrainingInterrupted) as caught:
        fit(model, splits, fit_config, checkpoints=checkpoints)
    step = int(model.step.numpy())
    # the first step may have read the request before the signal was sent
    assert step in ((1, 2) if when == "training" else (23,))
    assert caught.value.signum == number
    assert str(caught.value) == (
        f"stopped after step {step}, which is saved: the same command "
        "resumes from there."
    )
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == (
        handlers
    )
    start = checkpoints.latest()
    assert start.step == step
    model = make_model()
    found = fit(model, splits, fit_config, checkpoints=checkpoints, start=start)
    assert timeless(found) == timeless(rows)
    assert_same_bits(whole, model)


def test_a_checkpoint_of_another_model(make_model, splits, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    fit(make_model(), splits, FitConfig(epochs=1), checkpoints=checkpoints)
    start = checkpoints.latest()
    with pytest.raises(UserError) as caught:
        fit(
            make_model(partial(mlp, hidden=8)),
            splits,
            FitConfig(epochs=2),
            checkpoints=checkpoints,
            start=start,
        )
    message = str(caught.value)
    assert f"The checkpoint of step 22 in {tmp_path} does not fit" in message
    assert message.endswith("or remove that folder.") and "\n" not in message
