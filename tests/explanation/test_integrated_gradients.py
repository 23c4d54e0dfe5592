"""Integrated gradients: complete, and exact where a model is linear."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.dataset import Dataset
from keras_ptft.explanation.integrated_gradients import (
    integrated_gradients,
    unknown_tokens,
)
from keras_ptft.explanation.judgement import JUDGEMENTS
from keras_ptft.models.bert import bert
from keras_ptft.models.embedding import embedding
from keras_ptft.models.mlp import mlp
from keras_ptft.models.rnn import rnn
from keras_ptft.models.textcnn import textcnn
from keras_ptft.models.transformer import transformer
from tests.explanation.models import classifier, images, subject, texts


def logit_difference(model, ids, output):
    """Of a text and as many unknown tokens."""
    outputs = (model(x, training=False) for x in (ids, unknown_tokens(ids)))
    own, unknown = (float(x[0, output]) for x in outputs)
    return own - unknown


@pytest.mark.parametrize(
    "make, settings",
    [
        (embedding, {"width": 6, "hidden": (5,)}),
        (transformer, {"width": 8, "depth": 1, "heads": 2}),
        pytest.param(
            textcnn,
            {"width": 6, "filters": 4, "kernels": (2, 3)},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            rnn,
            {"width": 6, "units": 4, "bidirectional": True},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            bert,
            {"width": 8, "depth": 1, "heads": 2},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_tokens_add_is_the_difference_of_the_logits(make, settings):
    dataset = texts()
    model = classifier(make, dataset, **settings)
    source = dataset.splits["test"]
    explain, passes = integrated_gradients(subject(model, source, dataset.info))
    for index in (0, 3):
        ids = source.gather([index])[:, : source.lengths[index]]
        found = explain(ids, 1)
        expected = logit_difference(model, ids, 1)
        assert found.shape == (source.lengths[index],)
        assert abs(expected) > 0.01
        assert found.sum() == pytest.approx(expected, rel=0.01)
    assert passes == 144


def test_a_bag_of_words_adds_them_up():
    dataset = texts()
    model = classifier(embedding, dataset, width=5)
    source = dataset.splits["test"]
    ids = source.gather([2])[:, : source.lengths[2]]
    found = integrated_gradients(subject(model, source, dataset.info)).explain(
        ids, 0
    )
    table = np.array(model.get_layer("embedding_table").embeddings)
    head = np.array(model.get_layer("logits").kernel)[:, 0]
    expected = (table[ids[0]] - table[1]) @ head / len(found)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_the_log_odds_are_explained_as_completely():
    dataset = texts()
    model = classifier(transformer, dataset, width=8, depth=1, heads=2)
    source = dataset.splits["test"]
    score = JUDGEMENTS["classes"](dataset.info, source, np.eye(4, 2), {}).score
    explain = integrated_gradients(
        subject(model, source, dataset.info, score)
    ).explain
    ids = source.gather([0])[:, : source.lengths[0]]
    # of two classes the difference of both logits
    expected = logit_difference(model, ids, 0) - logit_difference(model, ids, 1)
    assert explain(ids, 0).sum() == pytest.approx(expected, rel=0.01)


@pytest.mark.slow
def test_tokens_of_several_ids_are_one_each():
    dataset = texts(setting="words(ngrams=[2, 3])")
    model = classifier(embedding, dataset, width=4, hidden=(3,))
    source = dataset.splits["test"]
    ids = source.gather([1])[:, : source.lengths[1]]
    assert ids.shape.rank == 3
    explain = integrated_gradients(subject(model, source, dataset.info)).explain
    found = explain(ids, 1)
    assert found.shape == (3,)
    expected = logit_difference(model, ids, 1)
    assert found.sum() == pytest.approx(expected, rel=0.01)


def test_unknown_tokens_have_no_parts():
    ids = tf.constant([[[7, 20, 21], [9, 22, 0], [0, 0, 0]]])
    expected = [[[1, 0, 0], [1, 0, 0], [0, 0, 0]]]
    assert unknown_tokens(ids).numpy().tolist() == expected


def test_images_have_no_tokens():
    model = classifier(mlp, Dataset({"train": images()}, ("a", "b")))
    assert integrated_gradients(subject(model, images())) is None
