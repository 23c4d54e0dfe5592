"""Neighbours are found by the angle between vectors."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.evaluation.word_neighbors import (
    nearest,
    probe_words,
    word_vectors,
)
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from tests.infos import text_info

IDS = tf.TensorSpec((None,), tf.int32, "tokens")
WORDS = ["[PAD]", "[UNK]", "[MASK]", "[END]", "king", "queen", "tea", "中"]


def test_cosines_by_hand():
    vectors = np.array(
        [[9, 9]] * 4 + [[1, 0], [3, 4], [0, 2], [0, 0]], np.float32
    )
    found = nearest(vectors, WORDS, ["king", "中", "no such word"], count=5)
    ((word, near),) = found
    assert word == "king" and [name for name, _ in near] == ["queen", "tea"]
    assert [cosine for _, cosine in near] == pytest.approx([0.6, 0.0])


def test_telling_words_are_frequent_but_not_the_first():
    words = [
        *"____",
        *(f"w{'x' * (n % 3)}{chr(97 + n % 26)}" for n in range(1000)),
    ]
    counts = np.concatenate([[0] * 4, np.arange(1000, 0, -1)])
    found = probe_words(words, counts, 10)
    assert found[0] == words[4 + 10] and found[-1] == words[4 + 199]
    assert len(found) == 10


def test_telling_words_of_every_script():
    words = [*"____", ".", "a", "中", "tea", "7"]
    counts = np.array([0, 0, 0, 0, 9, 8, 7, 6, 5])
    assert probe_words(words, counts, 5) == ["中", "tea"]
    assert probe_words(words[:5], counts[:5], 5) == ["."]
    assert probe_words(words, counts * 0) == []


def test_vectors_are_those_of_the_embedding():
    info = text_info(WORDS, sequence_length=4)
    given = BackboneInput(IDS, vocabulary_size=8)
    backbone = BACKBONES["textcnn"](given, width=3)
    table = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    backbone.get_layer("embedding_table").set_weights([table])
    vectors = word_vectors(backbone, info.tokenizer)
    np.testing.assert_array_equal(vectors[1:], table[1:])
    assert not vectors[0].any()
