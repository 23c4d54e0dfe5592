"""The average of a model's weights teaches it."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.training.checkpointing.store import Checkpoints, Interval
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.optimizers.averages import averages_of, start_averages
from keras_ptft.training.teachers import average_teacher
from tests.training.small import (
    STATEFUL_CNN,
    Labels,
    cnn,
    largest_difference,
    mlp,
    timeless,
    values_of,
)


class MeanTeacher(Labels):
    """Labels, and the squared distance to what a teacher answers."""

    def seen_by_teacher(self, inputs):
        return inputs

    def taught(self, targets, taught):
        return {"label": targets, "taught": taught}

    def loss(self, targets, outputs):
        distance = tf.reduce_mean((outputs - targets["taught"]) ** 2, axis=1)
        return super().loss(targets["label"], outputs) + distance

    def metrics(self):
        return []


@pytest.fixture(scope="module")
def make_taught(make_model):
    def make(build=mlp, **settings):
        settings = {"ema": 0.8, "learning_rate": 0.1} | settings
        made = make_model(build, trainable=MeanTeacher(), **settings)
        variables = made.tuning.variables
        with made.distribute_strategy.scope():
            start_averages(made.optimizer, variables)
        made.teacher = average_teacher(made.model, made.optimizer, variables)
        return made

    return make


def averages(model):
    return [
        average.numpy()
        for average in averages_of(model.optimizer, model.tuning.variables)
    ]


def by_hand(weights, batches, rate, momentum):
    """SGD on (w · x - y)² + (w · x - v · x)², v the average of all w."""
    average = weights
    for step, (x, y) in enumerate(batches):
        outputs = x @ weights
        slopes = 2 * (outputs - y) + 2 * (outputs - x @ average)
        weights = weights - rate * x.T @ slopes / len(x)
        kept = momentum if step else 0.0
        average = kept * average + (1 - kept) * weights
    return weights, average


class Squares(MeanTeacher):
    def loss(self, targets, outputs):
        to_label = outputs - targets["label"]
        return tf.reduce_sum(
            to_label**2 + (outputs - targets["taught"]) ** 2, axis=1
        )


def linear():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(inputs))


@pytest.mark.parametrize("accumulation", [1, 2])
def test_steps_by_hand(make_model, accumulation):
    model = make_model(
        linear,
        trainable=Squares(),
        optimizer="sgd",
        learning_rate=0.05,
        ema=0.75,
        gradient_accumulation=accumulation,
    )
    start_averages(model.optimizer, model.tuning.variables)
    model.teacher = average_teacher(
        model.model, model.optimizer, model.tuning.variables
    )
    random = np.random.default_rng(0)
    batches = [
        (random.normal(size=(4, 3)), random.normal(size=(4, 1)))
        for _ in range(4)
    ]
    expected = by_hand(values_of(model)[0], batches, 0.05, 0.75)
    for x, y in batches:
        model.train_step(
            (tf.constant(x, tf.float32), tf.constant(y, tf.float32), tf.ones(4))
        )
    np.testing.assert_allclose(values_of(model)[0], expected[0], atol=1e-6)
    np.testing.assert_allclose(averages(model)[0], expected[1], atol=1e-6)


def test_it_answers_as_the_model_with_averages(make_taught, splits):
    model = make_taught(STATEFUL_CNN)
    fit(model, {"train": splits["train"]}, FitConfig(epochs=1))
    for average in averages_of(model.optimizer, model.tuning.variables):
        average.assign(average * 1.1)
    images = splits["validation"].gather(tf.range(32, dtype=tf.int64))
    before = values_of(model)
    found = [model.teacher(images, training=t) for t in (False, True)]
    # neither statistics nor seeds have changed
    assert largest_difference(before, values_of(model)) == 0
    with model.averaged():
        expected = [model.model(images, training=t) for t in (False, True)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"replicas": "mirrored"},
        {"jit_compile": "true"},
        {"batch_size": 16, "gradient_accumulation": 4, "build": mlp},
        {"resident": True},
    ],
    ids=["mirrored", "compiled", "accumulated", "resident"],
)
def test_every_plan_learns_the_same(make_taught, splits, settings):
    build = settings.get("build", partial(cnn, batch_norm=True))
    settings = {k: v for k, v in settings.items() if k != "build"}
    plain = make_taught(build, jit_compile="false")
    expected = fit(plain, splits, FitConfig(epochs=1))
    model = make_taught(build, **settings)
    names = ("batch_size", "gradient_accumulation")
    shown = {name: settings[name] for name in names if name in settings}
    rows = fit(model, splits, FitConfig(epochs=1, **shown))
    assert largest_difference(values_of(plain), values_of(model)) < 1e-5
    for name in ("loss", "val_loss"):
        assert rows[-1][name] == pytest.approx(expected[-1][name], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
def test_it_resumes_to_the_same_bits(make_taught, splits, replicas, tmp_path):
    make = partial(
        make_taught, STATEFUL_CNN, replicas=replicas, steps_per_execution=1
    )
    kept = Checkpoints(tmp_path, keep=99, interval=Interval(steps=7))
    whole, again = make(), make()
    config = FitConfig(epochs=1)
    rows = fit(whole, splits, config, checkpoints=kept)
    for path in tmp_path.iterdir():
        if int(path.name.split("-")[1]) > 16:
            path.unlink()
    start = kept.latest()
    assert start.step == 14
    found = fit(again, splits, config, checkpoints=kept, start=start)
    assert timeless(rows) == timeless(found)
    assert largest_difference(values_of(whole), values_of(again)) == 0
    assert largest_difference(averages(whole), averages(again)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(make_taught, splits, precision):
    keras.config.set_dtype_policy(precision)
    try:
        model = make_taught(partial(cnn, batch_norm=True), learning_rate=0.05)
        rows = fit(model, splits, FitConfig(epochs=2))
    finally:
        keras.config.set_dtype_policy("float32")
    assert rows[-1]["loss"] < rows[0]["loss"]
