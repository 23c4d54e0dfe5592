"""Losses of what is learned from a teacher, by hand and by Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.distillation import Distillation
from keras_ptft.objectives.feature_matching import FeatureMatching
from keras_ptft.objectives.objective import TeacherFacts

THREE = DataInfo(label_names=("a", "b", "c"))
# probabilities 1/2, 1/4, 1/4 of the teacher, and 1/3 each of the student
TAUGHT = tf.math.log(tf.constant([[2.0, 1.0, 1.0]]))
EQUAL = tf.zeros((1, 3))


def loss_of(objective, labels, taught, outputs):
    targets = objective.taught(tf.constant(labels), taught)
    return objective.loss(targets, outputs).numpy()


def test_distillation_by_hand():
    # log 3 less the teacher's entropy, which is 1.5 log 2
    soft = np.log(3) - 1.5 * np.log(2)
    for alpha in (0.0, 0.25, 1.0):
        objective = Distillation(THREE, temperature=1.0, alpha=alpha)
        expected = alpha * soft + (1 - alpha) * np.log(3)
        found = loss_of(objective, [2], TAUGHT, EQUAL)
        np.testing.assert_allclose(found, [expected], rtol=1e-5)


def test_a_temperature_by_hand():
    # of the teacher at 2: √2 and 1 and 1, over their sum
    theirs = np.array([np.sqrt(2), 1, 1]) / (np.sqrt(2) + 2)
    expected = 4 * (theirs * np.log(3 * theirs)).sum()
    objective = Distillation(THREE, temperature=2.0, alpha=1.0)
    found = loss_of(objective, [0], TAUGHT, EQUAL)
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 3.5, 20.0])
def test_distillation_is_that_of_keras(temperature):
    taught, outputs = (
        np.random.default_rng(0)
        .normal(scale=3.0, size=(2, 8, 3))
        .astype(np.float32)
    )
    objective = Distillation(THREE, temperature=temperature, alpha=1.0)
    found = loss_of(objective, np.zeros(8, int), taught, outputs).mean()
    # by its name, Keras 3.15 would compute it of logits
    theirs = keras.distillation.LogitsDistillation(
        temperature=temperature, loss=keras.losses.KLDivergence()
    )
    expected = theirs.compute_loss(taught, outputs)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_its_slope_hardly_depends_on_a_high_temperature():
    slopes = []
    for temperature in (50.0, 100.0):
        objective = Distillation(THREE, temperature=temperature, alpha=1.0)
        outputs = tf.Variable([[0.5, -0.5, 0.0]])
        with tf.GradientTape() as tape:
            targets = objective.taught(tf.constant([0]), TAUGHT)
            loss = objective.loss(targets, outputs)
        slopes.append(tape.gradient(loss, outputs).numpy())
    # Hinton's limit: (z - v) / classes, of logits without their means
    centred = TAUGHT - tf.reduce_mean(TAUGHT)
    limit = (np.array([[0.5, -0.5, 0.0]]) - centred) / 3
    np.testing.assert_allclose(slopes[1], limit, atol=0.005)
    np.testing.assert_allclose(*slopes, atol=0.005)


def test_mixed_labels_are_learned_in_their_shares():
    objective = Distillation(THREE, temperature=1.0, alpha=0.0)
    outputs = tf.math.log(tf.constant([[2.0, 1.0, 1.0]]))
    found = loss_of(objective, [[0.5, 0.5, 0.0]], TAUGHT, outputs)
    np.testing.assert_allclose(found, [1.5 * np.log(2)], rtol=1e-6)


def test_without_a_teacher_it_is_the_cross_entropy_and_the_accuracy():
    objective = Distillation(THREE)
    outputs = tf.constant([[9.0, 0.0, 0.0], [9.0, 0.0, 0.0]])
    labels = tf.constant([0, 2])
    loss = objective.loss(labels, outputs)
    np.testing.assert_allclose(loss, [2.5e-4, 9.0], rtol=0.02)
    for targets in (labels, objective.taught(labels, outputs)):
        (accuracy,) = objective.metrics()
        accuracy.update_state(targets, outputs)
        assert float(accuracy.result()) == 0.5


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ("acb", "got the same in another order, as 'c' for 'b':"),
        ("ab", "got 2 for 3, without 'c':"),
        ("abcd", "got 4 for 3, with 'd':"),
        ("xyz", "got 3 for 3, without 'a', with 'x':"),
    ],
)
def test_a_teacher_of_other_labels(theirs, message):
    with pytest.raises(UserError, match=message):
        Distillation(THREE).follow(TeacherFacts("big", 3, tuple(theirs)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "'temperature' must be from 0.01 to 1000"),
        ({"alpha": 1.5}, "'alpha' must be from 0 to 1"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UserError, match=message):
        Distillation(THREE, **settings)


def test_features_by_hand():
    taught = tf.constant([[3.0, 4.0], [1.0, 0.0]])
    outputs = tf.constant([[4.0, 3.0], [0.0, 5.0]])
    for distance, expected in {
        "cosine": [1 - 24 / 25, 1.0],
        "mse": [1.0, 13.0],
    }.items():
        objective = FeatureMatching(THREE, distance=distance)
        found = loss_of(objective, [0, 1], taught, outputs)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_mse_of_features_is_that_of_keras():
    taught, outputs = np.random.default_rng(0).normal(size=(2, 8, 5))
    objective = FeatureMatching(THREE, distance="mse")
    found = loss_of(objective, np.zeros(8, int), taught, outputs).mean()
    theirs = keras.distillation.FeatureDistillation("mse")
    expected = theirs.compute_loss(taught, outputs)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_unknown_distance():
    with pytest.raises(UserError, match="one of cosine, mse, got 'l1'"):
        FeatureMatching(THREE, distance="l1")
