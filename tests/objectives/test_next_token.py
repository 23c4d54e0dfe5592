"""Contiguous text is predicted token by token."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.next_token import NextToken
from tests.infos import text_info

VOCABULARY = ("[PAD]", "[UNK]", "[MASK]", "[END]", *"abcd")
INFO = text_info(VOCABULARY, sequence_length=3)


def test_targets_are_what_comes_next():
    ids = tf.constant([[4, 5, 6, 7], [6, 1, 3, 0], [0, 0, 0, 0]])
    inputs, targets, weights = NextToken(INFO).transform(ids, None, None)
    assert inputs.numpy().tolist() == [[4, 5, 6], [6, 1, 3], [0, 0, 0]]
    expected = [[5, 6, 7], [1, 3, -1], [-1, -1, -1]]
    assert targets.numpy().tolist() == expected
    np.testing.assert_allclose(weights, [1, 2 / 3, 0])


def test_targets_are_words_without_their_ngrams():
    ids = tf.constant([[[4, 9], [5, 8], [6, 0], [0, 0]]])
    inputs, targets, _ = NextToken(INFO).transform(ids, None, None)
    assert inputs.numpy().tolist() == [[[4, 9], [5, 8], [6, 0]]]
    assert targets.numpy().tolist() == [[5, 6, -1]]


def test_chance_costs_the_logarithm_of_the_vocabulary():
    objective = NextToken(INFO)
    ids = tf.constant([[4, 5, 6, 7], [6, 4, 0, 0]])
    _, targets, weights = objective.transform(ids, None, None)
    losses = objective.loss(targets, tf.zeros((2, 3, 8)))
    mean = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)
    assert float(mean) == pytest.approx(np.log(8))
    (accuracy,) = objective.metrics()
    logits = tf.one_hot([[5, 6, 7], [0, 0, 0]], 8)
    accuracy.update_state(targets, logits, sample_weight=weights)
    # 3 of 4 tokens
    assert float(accuracy.result()) == pytest.approx(0.75)


def test_needs_texts():
    with pytest.raises(UserError, match="'next_token' learns from texts"):
        NextToken(DataInfo(label_names=("cat", "dog")))
