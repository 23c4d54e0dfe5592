"""What is told of single examples, method by method."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.info import DataInfo
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.explanation import insight as module
from keras_ptft.explanation.insight import insight
from keras_ptft.models.embedding import embedding
from keras_ptft.models.mlp import mlp
from keras_ptft.models.precision import rebuilt
from keras_ptft.objectives.classification import Classification
from tests.explanation.models import WEATHER, classifier, images, network, texts

NAMES = ("a", "b")


def told(model, dataset):
    found = Classification(dataset.info).evaluate(model, dataset)
    return insight(model, dataset.info, dataset.splits, found)


def split(source):
    return Dataset({"train": source, "test": source}, NAMES)


@pytest.mark.parametrize(
    "body, method, shape",
    [
        ((layers.Conv2D(2, 3), layers.Flatten()), "Grad-CAM", (6, 6)),
        ((layers.Flatten(),), "occlusion", (7, 7)),
    ],
)
def test_images_have_maps(body, method, shape):
    dataset = split(images(60))
    found = told(network(*body), dataset)
    assert found.heading == "Surest mistakes" and found.measure == "probability"
    assert 0 < len(found.worst) <= 12
    assert found.method.startswith(method)
    verdicts = [one.verdict for one in found.explained]
    assert verdicts == ["wrong"] * 4 + ["right"] * 4
    for one in found.explained:
        assert one.effects.shape == shape and not one.pieces
        wrong = one.exhibit.true != one.exhibit.predicted
        assert wrong == (one.verdict == "wrong")
        assert one.output == f"the log-odds of {one.exhibit.predicted}"
    assert [one.exhibit.place for one in found.explained[:4]] == [
        one.place for one in found.worst[:4]
    ]
    assert len(found.feature_map.points) == 60 and not found.notes


def test_texts_have_tokens():
    dataset = texts("the rain", "", "pay the bank", "snow and snow")
    found = told(classifier(embedding, dataset, width=4), dataset)
    # a text without tokens has nothing to explain
    assert len(found.explained) == 3
    for one in found.explained:
        assert len(one.pieces) == len(one.effects)
        assert "".join(one.pieces) == one.exhibit.text
    assert found.method.startswith("integrated gradients")
    assert set(found.feature_map.names) == set(WEATHER)


def test_rows_have_columns():
    rows = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    source = ArraySource(rows, np.arange(20) % 2, name="vector")
    found = told(classifier(mlp, split(source), hidden=(4,)), split(source))
    one = found.explained[0]
    assert [name for name, _ in one.columns] == [
        *("column 1", "column 2", "column 3"),
    ]
    assert one.effects.shape == (3,)


@pytest.mark.slow
def test_half_precision_is_explained_in_full():
    dataset = texts()
    model = classifier(embedding, dataset, width=4, hidden=(3,))
    half = rebuilt(model, "mixed_bfloat16")
    half.set_weights(model.get_weights())
    whole, found = told(model, dataset), told(half, dataset)
    pairs = {one.exhibit.text: one.effects for one in whole.explained}
    for one in found.explained:
        effects = pairs[one.exhibit.text]
        np.testing.assert_allclose(one.effects, effects, rtol=1e-5, atol=1e-6)


def test_a_model_that_takes_long_is_told_and_not_run(monkeypatch):
    dataset = split(images(160))
    model = network(layers.Flatten())
    # 64 pixels times 2 answers are 128 multiply-adds
    monkeypatch.setattr(module, "_BUDGET", 128 * 49)
    found = told(model, dataset)
    assert found.feature_map is None and not found.explained and found.worst
    assert found.notes == (
        "Features of test examples are not laid out: inference of one takes "
        "128 multiply-adds, which would be done 50 times.",
        "Answers are not explained by occlusion (Zeiler and Fergus 2014): "
        "inference of one takes 128 multiply-adds, which would be done 100 "
        "times.",
    )
    # as many as there is time for
    monkeypatch.setattr(module, "_BUDGET", 128 * 50 * 3)
    found = told(model, dataset)
    assert len(found.explained) == 2 and len(found.feature_map.points) == 150


def test_inputs_of_another_kind_are_named_alone():
    rows = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)
    dataset = split(ArraySource(rows, np.arange(6) % 2, name="array"))
    inputs = keras.Input((4, 3))
    logits = layers.Dense(2, name="logits")(layers.Flatten()(inputs))
    found = told(keras.Model(inputs, logits), dataset)
    assert not found.explained and not found.method
    assert found.worst[0].image is None and found.worst[0].text is None
    assert found.feature_map.features == 12


def test_what_has_no_answers_is_not_told():
    found = Evaluation({"test": {"examples": 3, "loss": 1.0}})
    assert insight(None, DataInfo(), {}, found) is None


@pytest.mark.slow
def test_the_same_model_is_told_of_alike():
    dataset = split(images(30))
    model = network(layers.Conv2D(2, 3), layers.Flatten())
    first, second = told(model, dataset), told(model, dataset)
    for one, other in zip(first.explained, second.explained, strict=True):
        assert np.array_equal(one.effects, other.effects)
    assert np.array_equal(first.feature_map.points, second.feature_map.points)
