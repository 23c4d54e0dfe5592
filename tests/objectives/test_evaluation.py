import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import texts_of, token_source, word_rows
from keras_ptft.data.text.tokenizers import learn
from keras_ptft.evaluation.word_neighbors import word_vectors
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.embedding import embedding
from keras_ptft.objectives.classification import Classification
from keras_ptft.objectives.word2vec import SkipGram

NAMES = ("a", "b")


def rows(*shares, labels):
    """Examples that are logits: the share of the second class."""
    first = 1 - np.array(shares)
    logits = np.log(np.stack([first, shares], axis=1)).astype(np.float32)
    return ArraySource(logits, labels, name="vector")


def examined(**splits):
    splits.setdefault("train", splits["test"])
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    dataset = Dataset(splits, NAMES)
    return Classification(dataset.info).evaluate(
        model, dataset, reject_below=0.7
    )


def test_each_split_is_scored():
    test = rows(0.9, 0.8, labels=[1, 0])
    found = examined(test=test, validation=rows(0.1, labels=[0]))
    assert list(found.metrics) == ["validation", "test"]
    assert found.metrics["validation"]["accuracy"] == 1.0
    assert found.metrics["test"]["accuracy"] == 0.5
    assert found.out_of_scope is None


def test_out_of_scope_is_told_where_there_is_such():
    test = rows(0.9, 0.4, labels=[1, 0])
    unknown = rows(0.5, 0.25, 0.05, labels=[-1, -1, -1])
    found = examined(test=test, out_of_scope=unknown).out_of_scope
    # the least sure test example, 0.6, is the threshold
    assert found["chosen_on"] == "test" and found["examples"] == 3
    assert found["threshold"] == pytest.approx(0.6)
    assert found["recall"] == pytest.approx(1 / 3)
    assert found["at_reject_below"] == pytest.approx(
        {"threshold": 0.7, "recall": 1 / 3, "false_rejection": 1 / 2}
    )
    validation = rows(0.2, 0.3, labels=[0, 0])
    found = examined(test=test, out_of_scope=unknown, validation=validation)
    assert found.out_of_scope["chosen_on"] == "validation"
    assert found.out_of_scope["threshold"] == pytest.approx(0.7)


def test_the_answers_to_the_test_split_are_kept():
    test = rows(0.9, 0.25, labels=[0, 0])
    found = examined(test=test, validation=rows(0.1, labels=[0]))
    logits = np.log([[0.1, 0.9], [0.75, 0.25]])
    np.testing.assert_allclose(found.answers, logits, rtol=1e-5)


def told(*given):
    return [text.encode() for text in given]


def tokens(given, labels=None, setting="words"):
    texts = TextSource(in_memory(given), labels)
    tokenizer = learn(setting, lambda: texts_of(texts), 4)
    return token_source(texts, tokenizer), tokenizer


def test_word_vectors_come_with_their_neighbours():
    source, tokenizer = tokens(told("tea cup", "tea pot", "cup of tea"))
    dataset = Dataset({"train": source, "test": source}, (), tokenizer)
    given = BackboneInput(source.spec, vocabulary_size=tokenizer.size)
    backbone = embedding(given, width=3)
    objective = SkipGram(dataset.info, subsample=0.0)
    found = objective.evaluate(objective.assemble(backbone), dataset)
    table = backbone.get_layer("embedding_table").embeddings
    trained = found.word_vectors
    assert trained.words == ("tea", "cup", "of", "pot")
    assert np.array_equal(trained.vectors, np.array(table)[4:])
    # single letters are told of where there is nothing else
    names = [word for word, _ in trained.neighbors]
    assert names == ["tea", "cup", "of", "pot"]
    assert all(len(near) == 3 for _, near in trained.neighbors)


def test_n_grams_count_towards_the_vector_of_a_word():
    given = told("teapot teapots", "teapot")
    source, tokenizer = tokens(given, setting="words(ngrams=[3, 4])")
    rows = word_rows(tokenizer)
    assert rows.shape == (6, tokenizer.width)
    assert rows[:, 0].tolist() == list(range(6))
    assert not rows[:4, 1:].any() and rows[4:, 1:].any(axis=1).all()
    given = BackboneInput(source.spec, vocabulary_size=tokenizer.size)
    backbone = embedding(given, width=3)
    ids = source.gather(tf.constant([0], tf.int64))
    place = tokenizer.vocabulary.index("teapots")
    found = word_vectors(backbone, tokenizer)[place]
    vectors = keras.Model(
        backbone.input, backbone.get_layer("embedding").output
    )
    np.testing.assert_allclose(found, vectors(ids[:, 1:2])[0, 0], atol=1e-6)
