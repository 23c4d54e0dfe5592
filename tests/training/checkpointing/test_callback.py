"""A training goes on from any of its checkpoints to the same bits."""

import os
import signal
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.dataset import take
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.errors import TrainingInterrupted, UserError
from keras_ptft.registry import lookup
from keras_ptft.training.checkpointing import callback
from keras_ptft.training.checkpointing.store import Checkpoints, Interval
from keras_ptft.training.fit import FitConfig, fit

CNN = "cnn(filters=[4], dense=8, batch_norm=True, dropout=0.3)"
SHIFT = lookup(AUGMENTATIONS, "shift(padding=1)", "augmentation")
EVERY = Interval(steps=7)


@pytest.fixture
def splits(digits):
    return {
        "train": digits.splits["train"],
        "validation": take(digits.splits["test"], np.arange(101)),
    }


def rows_of(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def weights_of(loop):
    return [variable.numpy() for variable in loop.model.variables]


def assert_goes_on(make, splits, schooling, checkpoints, *, steps=None):
    """Resumes at each of some steps and compares with the whole training."""
    loop = make()
    rows = fit(loop, splits, schooling, checkpoints=checkpoints)
    expected = weights_of(loop)
    found = sorted(checkpoints.folder.iterdir())
    known = [int(path.name.split("-")[1]) for path in found]
    assert steps is None or set(steps) <= set(known), known
    for path, step in zip(found, known, strict=True):
        if steps is not None and step not in steps:
            continue
        place = checkpoints.folder.parent / str(step)
        place.mkdir()
        (place / path.name).write_bytes(path.read_bytes())
        again = Checkpoints(place, keep=99, interval=EVERY)
        loop = make()
        start = again.latest()
        others = fit(loop, splits, schooling, checkpoints=again, start=start)
        assert rows_of(others) == rows_of(rows), step
        pairs = zip(expected, weights_of(loop), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs), step
    return rows, known


def folder(tmp_path, interval=EVERY):
    return Checkpoints(tmp_path / "all", keep=99, interval=interval)


CASES = {
    "mlp": ({}, {}),
    "cnn": ({"backbone": CNN, "optimizer": "adam"}, {"augment": SHIFT}),
    "accumulation": (
        {"batch_size": 16, "gradient_accumulation": 4},
        {"batch_size": 16, "gradient_accumulation": 4},
    ),
    "mirrored": ({"backbone": CNN, "replicas": "mirrored"}, {}),
    "compiled": ({"backbone": CNN, "jit_compile": "true"}, {}),
    "weighted": (
        {},
        {"class_weights": np.linspace(0.1, 3, 10, dtype=np.float32)},
    ),
}
QUICK = {"mlp", "cnn", "accumulation"}


@pytest.mark.parametrize(
    ("loop", "schooling"),
    [
        pytest.param(*case, marks=[] if name in QUICK else pytest.mark.slow)
        for name, case in CASES.items()
    ],
    ids=list(CASES),
)
def test_from_within_an_epoch_and_from_its_end(
    make_loop, splits, tmp_path, loop, schooling
):
    # of 22 steps an epoch, 3 a call: what is due at 7 is saved at 9
    plan = {"jit_compile": "false", "steps_per_execution": 3} | loop
    _, known = assert_goes_on(
        lambda: make_loop(**plan),
        splits,
        FitConfig(epochs=2, **schooling),
        folder(tmp_path),
        steps=(9, 28, 44),
    )
    assert known == [9, 15, 21, 28, 37, 43, 44]


@pytest.mark.slow
def test_half_precision_with_its_loss_scale(make_loop, splits, tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert_goes_on(
            lambda: make_loop(CNN, jit_compile="false", steps_per_execution=5),
            splits,
            FitConfig(epochs=2),
            folder(tmp_path),
            steps=(10, 37),
        )
    finally:
        keras.config.set_dtype_policy("float32")


def test_early_stopping_remembers_and_stays_ended(make_loop, splits, tmp_path):
    rows, known = assert_goes_on(
        lambda: make_loop(learning_rate=0.8, steps_per_execution=5),
        splits,
        FitConfig(epochs=30, early_stopping_patience=2),
        folder(tmp_path, Interval(steps=15)),
    )
    losses = [row["val_loss"] for row in rows]
    assert len(rows) == int(np.argmin(losses)) + 3 < 30
    # the last one is of a training that had ended
    assert known[-1] == 22 * len(rows)


def test_the_best_of_those_at_the_end_of_an_epoch_stays(
    make_loop, splits, tmp_path, monkeypatch
):
    monkeypatch.setattr(callback, "_SECONDS_AN_EPOCH", 1e-9)
    monkeypatch.setattr(callback, "_SHARE", float("inf"))
    checkpoints = Checkpoints(tmp_path, keep=1)
    rows = fit(
        make_loop(learning_rate=0.8),
        splits,
        FitConfig(epochs=6),
        checkpoints=checkpoints,
    )
    best = 22 * (int(np.argmin([row["val_loss"] for row in rows])) + 1)
    names = sorted(path.name for path in tmp_path.iterdir())
    steps = {int(name.split("-")[1]) for name in names}
    assert steps == {best, 132} and best < 132
    assert checkpoints.latest().facts["best"][1] == best


def test_short_epochs_are_not_saved_one_by_one(make_loop, splits, tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=99)
    fit(make_loop(), splits, FitConfig(epochs=40), checkpoints=checkpoints)
    steps = [int(p.name.split("-")[1]) for p in sorted(tmp_path.iterdir())]
    assert steps[-1] == 880
    assert len(steps) < 40
    assert all(step % 22 == 0 for step in steps)


def test_seconds_are_looked_at_between_calls(make_loop, splits, tmp_path):
    checkpoints = Checkpoints(
        tmp_path, keep=99, interval=Interval(seconds=1e-9)
    )
    loop = make_loop(steps_per_execution=8)
    fit(loop, splits, FitConfig(epochs=1), checkpoints=checkpoints)
    steps = [int(p.name.split("-")[1]) for p in sorted(tmp_path.iterdir())]
    assert steps == [8, 16, 22]


def signalling(loop, name, number):
    """A step of a loop that sends a signal to this process, once."""
    step, sent = getattr(loop, name), []

    def send():
        if not sent:
            sent.append(os.kill(os.getpid(), number))
            while not loop.stop_requested.numpy():
                time.sleep(0.001)

    def wrapped(data):
        tf.py_function(send, [], [])
        return step(data)

    return wrapped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["training", "validation"])
def test_a_signal_stops_after_the_next_step(
    make_loop, splits, tmp_path, monkeypatch, number, when
):
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    whole = make_loop()
    rows = fit(whole, splits, FitConfig(epochs=3))
    loop, checkpoints = make_loop(), folder(tmp_path)
    name = "train_step" if when == "training" else "test_step"
    monkeypatch.setattr(loop, name, signalling(loop, name, number))
    schooling = FitConfig(epochs=3)
    with pytest.raises(TrainingInterrupted) as caught:
        fit(loop, splits, schooling, checkpoints=checkpoints)
    step = int(loop.step.numpy())
    # the signal may come after the step in which it is sent has looked
    assert step in ((1, 2) if when == "training" else (23,))
    assert caught.value.signum == number
    assert str(caught.value) == (
        f"stopped after step {step}, which is saved: the same command goes "
        "on from there."
    )
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == (
        handlers
    )
    start = checkpoints.latest()
    assert start.step == step
    loop = make_loop()
    found = fit(loop, splits, schooling, checkpoints=checkpoints, start=start)
    assert rows_of(found) == rows_of(rows)
    pairs = zip(weights_of(whole), weights_of(loop), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_checkpoint_of_another_model_is_told(make_loop, splits, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    fit(make_loop(), splits, FitConfig(epochs=1), checkpoints=checkpoints)
    start = checkpoints.latest()
    with pytest.raises(UserError) as caught:
        fit(
            make_loop("mlp(hidden=[8])"),
            splits,
            FitConfig(epochs=2),
            checkpoints=checkpoints,
            start=start,
        )
    message = str(caught.value)
    assert f"The checkpoint of step 22 in {tmp_path} does not fit" in message
    assert message.endswith("or remove that folder.") and "\n" not in message
