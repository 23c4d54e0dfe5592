"""Losses by hand, and a step of every objective on 1 and 2 replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import Loading, load
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.classification import (
    Classification,
    balanced_weights,
)
from keras_ptft.registry import lookup
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.optimizers.optimizers import make_optimizer
from keras_ptft.training.training_model import TrainingModel
from tests.objectives import test_text_steps

DIGITS = DataInfo(label_names=tuple("0123456789"))
THREE = DataInfo(label_names=("a", "b", "c"))
CASES = {"classification": "classification(label_smoothing=0.1)"}


def test_every_row_has_a_case():
    assert {*CASES, *test_text_steps.CASES} == set(OBJECTIVES)


def step(spec, replicas):
    """The weights after one step on 64 digits."""
    keras.utils.set_random_seed(0)
    digits = load("digits", Loading(image_size=8))
    objective = lookup(OBJECTIVES, spec, "objective")(DIGITS)
    chosen = get_strategy(replicas)
    with chosen.scope():
        inputs = keras.Input((8, 8, 1), dtype="uint8")
        scaled = keras.layers.Rescaling(1 / 255)(inputs)
        features = keras.layers.Flatten()(scaled)
        model = objective.assemble(keras.Model(inputs, features))
        loop = TrainingModel(
            model,
            objective,
            optimizer=make_optimizer(
                "sgd", "constant", learning_rate=1.0, total_steps=1
            ),
            plan=make_plan(chosen, model, batch_size=64, steps_per_epoch=1),
            steps_per_epoch=1,
        )
    before = model.get_weights()
    fit(loop, {"train": digits.splits["train"]}, FitConfig(epochs=1))
    return before, model.get_weights()


@pytest.mark.parametrize("name", CASES)
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


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 7.0])
def test_label_smoothing_out_of_range(smoothing):
    with pytest.raises(UserError, match="from 0 to less than 1, got"):
        Classification(THREE, label_smoothing=smoothing)


def test_balanced_weights_by_hand():
    # 6 examples of 3 classes, 3 + 2 + 1
    weights = balanced_weights(np.array([0, 0, 0, 1, 1, 2]))
    np.testing.assert_allclose(weights, [6 / 9, 6 / 6, 6 / 3], rtol=1e-6)
    assert weights.dtype == np.float32


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (DataInfo(), "needs a label an example, this data set has none: use "),
        (
            DataInfo(label_names=("O", "B-x"), tagged=True),
            "this data set has a tag a word: use --objective=tagging",
        ),
    ],
)
def test_classification_needs_a_label_an_example(task, message):
    with pytest.raises(UserError, match=message):
        Classification(task)
