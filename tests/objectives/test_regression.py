"""Numbers, from the head to the answer."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import NUMBERS, Target
from keras_ptft.errors import UserError
from keras_ptft.objectives import serving
from keras_ptft.objectives.regression import Regression
from keras_ptft.objectives.saved import read_objective, write_objective
from keras_ptft.serving.inference.results import Estimate
from keras_ptft.serving.signatures.arrays import array_signatures

INFO = DataInfo(label_kind=NUMBERS, target=Target("price", 50.0, 4.0))


def made(weight=1.0, bias=0.0):
    """A model of one number, and its objective."""
    inputs = keras.Input((1,), name="vector")
    features = keras.layers.Identity(name="features")(inputs)
    objective = Regression(INFO)
    model = objective.assemble(keras.Model(inputs, features, name="backbone"))
    layer = model.get_layer("standardised")
    layer.set_weights([np.array([[weight]]), np.array([bias])])
    return model, objective


def rows(inputs, values):
    column = np.array(inputs, np.float32)[:, None]
    return ArraySource(column, name="vector", values=values)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        # errors of 0, 2 and -12: 0, 1/2 and 3 standard deviations
        ("mse", [0.0, 1 / 4, 9.0]),
        ("mae", [0.0, 1 / 2, 3.0]),
        ("huber", [0.0, 1 / 8, 1.5 * (3 - 0.75)]),
    ],
)
def test_losses_by_hand(loss, expected):
    objective = Regression(INFO, loss=loss, delta=1.5)
    targets = tf.constant([[50.0], [50.0], [50.0]])
    outputs = tf.constant([[50.0], [52.0], [38.0]])
    found = objective.loss(targets, outputs)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_huber_is_keras_s():
    targets, outputs = (
        tf.zeros((5, 1)),
        tf.constant([[-9.0], [-1], [0], [2], [8]]),
    )
    info = DataInfo(label_kind=NUMBERS)
    found = Regression(info, loss="huber", delta=2.0).loss(targets, outputs)
    theirs = keras.losses.huber(targets, outputs, delta=2.0)
    np.testing.assert_allclose(found, theirs, rtol=1e-6)


def test_the_head_predicts_in_the_units_of_the_data():
    model, _ = made(weight=2.0, bias=1.0)
    found = model(tf.constant([[0.0], [3.0]]))
    # 50 and 4 times 1 and 7
    assert found.numpy().tolist() == [[54.0], [78.0]]
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert again(tf.constant([[3.0]])).numpy().tolist() == [[78.0]]


def test_it_starts_at_the_mean_whatever_the_units():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,), name="vector")
    features = keras.layers.Identity(name="features")(inputs)
    for mean, std in ((1e6, 1e5), (1e-4, 1e-5)):
        target = Target("x", mean, std)
        objective = Regression(DataInfo(label_kind=NUMBERS, target=target))
        model = objective.assemble(keras.Model(inputs, features))
        found = model(np.random.default_rng(0).normal(size=(64, 8)))
        assert abs(found.numpy().mean() - mean) < std
        assert found.numpy().std() < 3 * std


def test_scores_by_hand():
    model, objective = made()
    found = objective.score(model, rows([0, 1, -2], [50.0, 50.0, 50.0]))
    # errors of 0, 4 and -8
    assert found == pytest.approx(
        {
            "examples": 3,
            "loss": (0 + 1 + 4) / 3,
            "mae": 4.0,
            "rmse": (80 / 3) ** 0.5,
        }
    )


def test_each_split_is_scored_and_the_answers_are_kept():
    model, objective = made()
    test = rows([0, 1], [50.0, 60.0])
    splits = {"train": test, "validation": rows([0], [51.0]), "test": test}
    found = objective.evaluate(model, Dataset(splits, (), target_name="price"))
    assert found.metrics["validation"]["mae"] == 1.0
    assert found.metrics["test"]["r2"] == pytest.approx(1 - 18 / 25)
    assert found.estimates.predicted.tolist() == [50.0, 54.0]
    assert found.estimates.true.tolist() == [50.0, 60.0]
    assert found.answers.tolist() == [[50.0], [54.0]]
    assert found.estimates.target == "price"
    assert found.titles["loss"] == "loss (mse, standardised)"


def test_answers_are_numbers():
    model, objective = made()
    predictor = objective.predictor(model)
    answers = predictor.run(np.array([[0.0], [2.0]], np.float32))
    assert answers["value"].tolist() == [50.0, 58.0]
    found = objective.decode(["a", "b"], answers, 0.0)
    assert found == [Estimate("a", 50.0), Estimate("b", 58.0)]
    with pytest.raises(UserError, match="numbers, --reject_below is for lab"):
        objective.decode(["a", "b"], answers, 0.5)


def test_signatures_answer_with_one_number_an_example():
    model, objective = made()
    found = objective.signatures(model, rows([0, 1], [50.0, 50.0]))
    outputs = {one.name: one.cases[0].outputs for one in found}
    assert outputs["serving_default"]["value"].tolist() == [50.0, 54.0]
    assert outputs["regress"]["outputs"].tolist() == [50.0, 54.0]
    assert outputs["features"]["features"].tolist() == [[0.0], [1.0]]


def test_signatures_of_others_are_there_too(monkeypatch):
    def inner_values(model, info, source):
        assert (info, len(source)) == (INFO, 2)
        inner = keras.Model(model.input, model.get_layer("features").output)

        def answer(inputs):
            return {"features": inner(inputs, training=False)}

        examples = {"vector": source.gather([0, 1]).numpy()}
        (found,) = array_signatures(model, answer, examples)
        return [dataclasses.replace(found, name="inner")]

    monkeypatch.setitem(serving.SIGNATURES, "inner", inner_values)
    model, objective = made()
    own, *_, other = objective.signatures(model, rows([0, 1], [50.0, 50.0]))
    assert (own.name, other.name) == ("serving_default", "inner")
    assert other.cases[0].outputs["features"].tolist() == [[0.0], [1.0]]


def test_the_target_is_read_back(tmp_path):
    write_objective(tmp_path, 'regression(loss="mae")', INFO)
    found = read_objective(tmp_path)
    assert found.info.target == INFO.target
    loss = found.loss(tf.constant([[50.0]]), tf.constant([[42.0]]))
    assert loss.numpy().tolist() == [2.0]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"loss": "mes"}, "one of mse, mae, huber, got 'mes'"),
        ({"loss": "huber", "delta": 0.0}, "'delta' must be at least 1e-06"),
    ],
)
def test_settings_out_of_range(settings, told):
    with pytest.raises(UserError, match=told):
        Regression(INFO, **settings)


def test_training_examples_of_one_number():
    info = DataInfo(label_kind=NUMBERS, target=Target("x", 5.0, 0.0))
    with pytest.raises(UserError, match="different numbers, got 5 alone: add"):
        Regression(info)


def test_data_without_numbers():
    with pytest.raises(UserError, match="needs a number an example, this da"):
        Regression(DataInfo(label_names=("a", "b")))
