"""Losses by hand, and a step of every objective on 1 and 2 replicas."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import Loading, load
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import NUMBERS, SETS
from keras_ptft.errors import UserError
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.classification import (
    Classification,
    balanced_weights,
)
from keras_ptft.objectives.objective import TeacherFacts
from keras_ptft.registry import lookup
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.optimizers.averages import start_averages
from keras_ptft.training.optimizers.optimizers import make_optimizer
from keras_ptft.training.teachers import average_teacher
from keras_ptft.training.training_model import TrainingModel
from keras_ptft.training.tuning import whole
from tests.objectives import test_compared_texts, test_text_steps

THREE = DataInfo(label_names=("a", "b", "c"))
CASES = {
    "classification": "classification(label_smoothing=0.1)",
    "regression": 'regression(loss="huber")',
    "multi_label": "multi_label",
    "contrastive": "contrastive(view='flip')",
    "supervised_contrastive": "supervised_contrastive(view='flip')",
    "vicreg": "vicreg(view='shift')",
    "distillation": "distillation(temperature=2.0)",
    "feature_matching": "feature_matching",
    "byol": "byol(view='shift', hidden=32)",
    "dino": "dino(view='shift', crops=1, local='flip_crop', hidden=32)",
    "rotation": "rotation",
    "denoise": "denoise(hidden=8)",
    "masked_pixels": "masked_pixels(patch=2, width=8, depth=1, heads=2)",
}


# they reach other replicas as "contrastive" and "dino" do
_ALIKE = {"supervised_contrastive", "vicreg", "byol"}
# a softmax is the same whatever is added to all of its inputs, and the mean
# of what was normalised before is 0
_STILL = ("attention/key/bias", "prediction_bn/moving_mean")


def test_every_row_has_a_case():
    elsewhere = test_text_steps.CASES, test_compared_texts.CASES
    assert set(CASES).union(*elsewhere) == set(OBJECTIVES)


def digits_as(kind):
    """64 digits and more, whose labels are of a kind, and their info."""
    dataset = load("digits", Loading(image_size=8))
    train = dataset.splits["train"]
    if kind == NUMBERS:
        train.values = 100 + 7 * train.labels.astype(np.float32)
    if kind == SETS:
        # the digits that divide it
        train.values = np.float32(train.labels[:, None] % np.arange(1, 11) == 0)
    return train, dataset.info


def small_backbone(objective):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    if objective != "masked_pixels":
        return keras.Model(inputs, keras.layers.Flatten()(x))
    x = keras.layers.Conv2D(8, 2, strides=2)(x)
    x = keras.layers.Reshape((16, 8), name="positions")(x)
    x = keras.layers.Dense(8, activation="relu")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))


def step(spec, replicas):
    """The weights before and after one step on 64 digits."""
    keras.utils.set_random_seed(0)
    row = lookup(OBJECTIVES, spec, "objective")
    train, info = digits_as(row.function.label_kind)
    objective = row(info)
    chosen = get_strategy(replicas)
    with chosen.scope():
        backbone = small_backbone(row.name)
        frozen = None
        if objective.teacher == "model":
            features = backbone.output
            logits = keras.layers.Dense(10, name="logits")(features)
            frozen = keras.Model(backbone.input, logits)
            objective.follow(TeacherFacts("teacher", 10, info.label_names))
        model = objective.assemble(backbone)
        optimizer = make_optimizer(
            "sgd",
            "constant",
            learning_rate=1.0,
            total_steps=1,
            ema=objective.momentum,
        )
        tuning = dataclasses.replace(whole(model), frozen_teacher=frozen)
        if objective.teacher == "average":
            optimizer.build(tuning.variables)
            start_averages(optimizer, tuning.variables)
            teacher = average_teacher(model, optimizer, tuning.variables)
            tuning = dataclasses.replace(tuning, teacher=teacher)
        loop = TrainingModel(
            model,
            objective,
            optimizer=optimizer,
            tuning=tuning,
            plan=make_plan(chosen, model, batch_size=64, steps_per_epoch=1),
            steps_per_epoch=1,
        )
    moved = [
        w for w in model.weights if not any(name in w.path for name in _STILL)
    ]
    before = [weight.numpy() for weight in moved]
    fit(loop, {"train": train}, FitConfig(epochs=1))
    return before, [weight.numpy() for weight in moved]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in _ALIKE else name
        for name in CASES
    ],
)
def test_one_step_on_one_and_on_two_replicas(name):
    before, one = step(CASES[name], "one_device")
    _, two = step(CASES[name], "mirrored")
    for old, first, second in zip(before, one, two, strict=True):
        assert np.abs(old - first).max() > 1e-4
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_cross_entropy_by_hand():
    # probabilities 1/2, 1/4, 1/4
    logits = tf.math.log(tf.constant([[2.0, 1.0, 1.0], [2.0, 1.0, 1.0]]))
    loss = Classification(THREE).loss(tf.constant([0, 2]), logits)
    np.testing.assert_allclose(loss, [np.log(2), np.log(4)], rtol=1e-6)


def test_label_smoothing_by_hand():
    logits = tf.math.log(tf.constant([[2.0, 1.0, 1.0]]))
    objective = Classification(THREE, label_smoothing=0.3)
    # targets 0.8, 0.1, 0.1
    expected = 0.8 * np.log(2) + 0.2 * np.log(4)
    loss = objective.loss(tf.constant([0]), logits)
    np.testing.assert_allclose(loss, [expected], rtol=1e-6)


def test_extreme_logits_stay_finite():
    logits = tf.constant([[1e4, -1e4, 0.0]])
    loss = Classification(THREE).loss(tf.constant([1]), logits)
    np.testing.assert_allclose(loss, [2e4], rtol=1e-6)


def test_focal_loss_by_hand():
    # probabilities 1/2, 1/4, 1/4
    logits = tf.math.log(tf.constant([[2.0, 1.0, 1.0], [2.0, 1.0, 1.0]]))
    loss = Classification(THREE, focal=2.0).loss(tf.constant([0, 2]), logits)
    # (1 - p)² · -log p
    expected = [np.log(2) / 4, 9 / 16 * np.log(4)]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_focal_loss_of_mixed_and_smoothed_labels_by_hand():
    logits = tf.math.log(tf.constant([[2.0, 1.0, 1.0]]))
    objective = Classification(THREE, focal=1.0, label_smoothing=0.3)
    # 0.5 a and 0.5 b, smoothed: 0.45, 0.45 and 0.1
    expected = 0.45 / 2 * np.log(2) + 0.55 * 3 / 4 * np.log(4)
    loss = objective.loss(tf.constant([[0.5, 0.5, 0.0]]), logits)
    np.testing.assert_allclose(loss, [expected], rtol=1e-6)


def test_focal_loss_is_keras_s_without_its_factor():
    logits = tf.constant([[1.5, -0.5, 0.2], [0.1, 3.0, -2.0]])
    labels = tf.constant([2, 1])
    theirs = keras.losses.categorical_focal_crossentropy(
        tf.one_hot(labels, 3), logits, alpha=1.0, gamma=2.5, from_logits=True
    )
    loss = Classification(THREE, focal=2.5).loss(labels, logits)
    np.testing.assert_allclose(loss, theirs, rtol=1e-5)


@pytest.mark.parametrize("focal", [0.5, 2.0])
def test_focal_loss_of_what_is_certain_has_a_slope(focal):
    logits = tf.Variable([[1e4, 0.0, 0.0], [-1e4, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        loss = Classification(THREE, focal=focal).loss(
            tf.constant([0, 0]), logits
        )
    assert np.isfinite(tape.gradient(loss, logits)).all()


@pytest.mark.parametrize("focal", [-1.0, 11.0])
def test_focal_out_of_range(focal):
    with pytest.raises(UserError, match="'focal' must be from 0 to 10, got"):
        Classification(THREE, focal=focal)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 7.0])
def test_label_smoothing_out_of_range(smoothing):
    with pytest.raises(UserError, match="from 0 to less than 1, got"):
        Classification(THREE, label_smoothing=smoothing)


def test_balanced_weights_by_hand():
    # 6 examples of 3 classes, 3 + 2 + 1
    weights = balanced_weights(np.array([0, 0, 0, 1, 1, 2]))
    np.testing.assert_allclose(weights, [6 / 9, 6 / 6, 6 / 3], rtol=1e-6)
    assert weights.dtype == np.float32
    # 3 examples of 2 classes, of the 4 that there are
    weights = balanced_weights(np.array([0, 0, 2]), 4)
    np.testing.assert_allclose(weights, [3 / 4, 0, 3 / 2, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (DataInfo(), "needs a label an example, this data set has none: use "),
        (
            DataInfo(label_names=("O", "B-x"), tagged=True),
            "this data set has a tag a word: use --objective=tagging",
        ),
        (
            DataInfo(label_kind=NUMBERS),
            "this data set has numbers: use --objective=regression",
        ),
        (
            DataInfo(label_names=("a", "b"), label_kind=SETS),
            "has sets of labels: use --objective=multi_label",
        ),
    ],
)
def test_classification_needs_a_label_an_example(task, message):
    with pytest.raises(UserError, match=message):
        Classification(task)
