"""Trains under op determinism, which a process cannot disable again."""

import json
from functools import partial

import tensorflow as tf

from keras_ptft.training.checkpointing.store import Checkpoints, Interval
from keras_ptft.training.distribution import strategies
from keras_ptft.training.fit import FitConfig, fit
from tests.training import small


def trained(
    digits, splits, build=small.STATEFUL_CNN, replicas="auto", **settings
):
    """Trains for two epochs; returns the model and its history."""
    model = small.make_training_model(
        digits,
        build,
        replicas=replicas,
        obstacle="not every compiled operation is deterministic",
        steps_per_execution=5,
    )
    rows = fit(model, splits, FitConfig(epochs=2), **settings)
    return model, rows


def main(folder):
    """Prints the largest differences of what should agree; returns 0."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    strategies.prepare(seed=0, precision="float32", deterministic=True)
    digits = small.load_digits()
    splits = small.with_validation(digits)
    checkpoints = Checkpoints(folder, keep=9, interval=Interval(steps=12))

    whole, rows = trained(digits, splits, checkpoints=checkpoints)
    expected = small.values_of(whole)
    # the last one is that of the end: resume from the one before
    max(folder.iterdir()).unlink()
    start = checkpoints.latest()
    resumed, resumed_rows = trained(
        digits, splits, checkpoints=checkpoints, start=start
    )
    again, _ = trained(digits, splits)
    # each replica drops other units, so nothing is dropped here
    build = partial(small.cnn, batch_norm=True)
    weights = [
        trained(digits, splits, build, replicas)[0].model.get_weights()
        for replicas in ("auto", "mirrored")
    ]
    found = {
        "waited": whole.waited_seconds,
        "start": start.step,
        "again": small.largest_difference(expected, small.values_of(again)),
        "resumed": small.largest_difference(expected, small.values_of(resumed)),
        "history": small.timeless(rows) == small.timeless(resumed_rows),
    }
    found["replicas"] = small.largest_difference(*weights)
    print(json.dumps(found))
    return 0
