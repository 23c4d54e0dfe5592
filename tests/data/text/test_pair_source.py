"""Pairs of texts as tokens: one after the other, each with its end."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.dataset import take
from keras_ptft.data.text.pair_source import incomplete, pair_source, parted
from keras_ptft.data.text.pairs import joined
from keras_ptft.data.text.source import TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.tokenizers import SPECIAL, Tokenizer, learn

PAIRS = [("a b", "c"), ("", "a"), ("a b c a", "b <c"), ("b", "")]


def made(tokenizer, pairs=PAIRS):
    texts = in_memory(joined(pair).encode() for pair in pairs)
    return pair_source(TextSource(texts, range(len(pairs))), tokenizer)


def ids_of(source):
    return source.gather(tf.range(len(source), dtype=tf.int64))


@pytest.fixture(scope="module")
def pieces():
    return Tokenizer.given("wordpiece", (*SPECIAL, *"abc<"), 3)


def test_each_text_ends_and_is_cut_off_by_itself(pieces):
    source = made(pieces)
    assert ids_of(source).numpy().tolist() == [
        [4, 5, 3, 6, 3, 0, 0, 0],
        [3, 4, 3, 0, 0, 0, 0, 0],
        # the fourth token is cut off
        [4, 5, 6, 3, 5, 7, 6, 3],
        [5, 3, 3, 0, 0, 0, 0, 0],
    ]
    assert source.cut_off == 0.25
    assert source.lengths.tolist() == [5, 3, 8, 3]
    assert source.labels.tolist() == [0, 1, 2, 3]
    assert len(set(source.hashes)) == 4


def test_pairs_are_parted_again(pieces):
    first, second = parted(ids_of(made(pieces)), 3)
    assert first.numpy().tolist() == [
        [4, 5, 0],
        [0, 0, 0],
        [4, 5, 6],
        [5, 0, 0],
    ]
    assert second.numpy().tolist() == [
        [6, 0, 0],
        [4, 0, 0],
        [5, 7, 6],
        [0, 0, 0],
    ]


def test_pairs_that_lack_a_text_are_counted(pieces):
    source = made(pieces)
    assert incomplete(source, 3) == 2
    assert incomplete(take(source, np.array([0, 2])), 3) == 0


def test_no_text_at_all(pieces):
    source = made(pieces, [("", ""), ("", "")])
    assert ids_of(source).numpy()[:, :2].tolist() == [[3, 3], [3, 3]]
    assert incomplete(source, 3) == 2


def test_tokens_of_several_ids():
    texts = [tf.constant(["abc abd", "abd"])]
    tokenizer = learn("words(ngrams=[3,4])", lambda: iter(texts), 4)
    source = made(tokenizer, [("abc abd", "abd"), ("abd", "abc")])
    ids = ids_of(source)
    assert ids.shape[2] == tokenizer.width > 1
    first, second = parted(ids, 4)
    expected = tokenizer(tf.constant(["abc abd", "abd"])).to_tensor()
    np.testing.assert_array_equal(first[:, :2], expected)
    expected = tokenizer(tf.constant(["abd", "abc"])).to_tensor()
    np.testing.assert_array_equal(second[:, :1], expected)
    assert not first[:, 2:].numpy().any() and not second[:, 1:].numpy().any()
