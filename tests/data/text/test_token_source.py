"""Texts as ids of tokens: padding, tags, files."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.dataset import fingerprint, take
from keras_ptft.data.pipeline.batching import (
    evaluation_batches,
    training_batches,
    unweighted,
)
from keras_ptft.data.text import token_source as token_source_module
from keras_ptft.data.text.source import TagSource, TextSource
from keras_ptft.data.text.storage import in_memory
from keras_ptft.data.text.token_source import (
    TokenSource,
    texts_of,
    token_source,
)
from keras_ptft.data.text.tokenizers import UNKNOWN, learn
from keras_ptft.training.forward import outputs_of

TEXTS = ["to be or not to be", "", "be", "天地 to"]


def texts_source(texts=TEXTS, labels=None):
    return TextSource(in_memory([t.encode() for t in texts]), labels)


def tokenizer_for(source, setting="characters", length=5):
    return learn(setting, partial(texts_of, source), length)


@pytest.fixture(scope="module")
def source():
    return texts_source(labels=[3, 1, 0, 2])


@pytest.fixture(scope="module")
def tokenizer(source):
    return tokenizer_for(source)


def words_of(tokenizer, ids):
    return [tokenizer.vocabulary[i] for i in ids]


def at(*numbers):
    return tf.constant(numbers, tf.int64)


def test_texts_become_rows_cut_off_and_padded(source, tokenizer):
    found = token_source(source, tokenizer)
    rows = found.gather(at(0, 1, 3)).numpy()
    assert words_of(tokenizer, rows[0]) == ["to", "be", "or", "not", "to"]
    assert rows[1].tolist() == [0] * 5
    assert words_of(tokenizer, rows[2][:3]) == ["天", "地", "to"]
    assert rows[2][3:].tolist() == [0, 0]
    assert found.lengths.tolist() == [5, 0, 1, 3]
    assert found.labels.tolist() == [3, 1, 0, 2]
    np.testing.assert_array_equal(found.hashes, source.hashes)


def test_a_batch_is_as_long_as_its_longest():
    many = texts_source(["be " * n for n in (1, 3, 9, 20, 40)])
    found = token_source(many, tokenizer_for(many, length=30))
    widths = [found.gather(at(n)).shape[1] for n in range(5)]
    assert widths == [8, 8, 16, 24, 30]


def test_n_grams_make_a_row_of_each_word(source):
    tokenizer = tokenizer_for(source, "words(ngrams=[2,3],buckets=50)")
    found = token_source(source, tokenizer)
    rows = found.gather(at(2, 1))
    assert rows.shape == (2, 5, tokenizer.width)
    assert found.spec.shape.as_list() == [None, tokenizer.width]
    assert words_of(tokenizer, rows[0, :1, 0]) == ["be"]
    assert not rows[1].numpy().any()


def test_subsets_are_read_in_their_own_order(source, tokenizer):
    some = token_source(take(source, [3, 0]), tokenizer)
    whole = token_source(source, tokenizer)
    np.testing.assert_array_equal(some.gather(at(0, 1)), whole.gather(at(3, 0)))


@pytest.mark.parametrize(
    "setting", ["characters", "words(ngrams=[2,3],buckets=50)"]
)
def test_many_ids_go_to_a_file_and_are_the_same(setting, monkeypatch):
    # these are encoded in three parts
    source = texts_source(TEXTS * 600)
    tokenizer = tokenizer_for(source, setting)
    in_memory = token_source(source, tokenizer)
    monkeypatch.setattr(token_source_module, "IDS_IN_MEMORY", 1)
    spilled = token_source(source, tokenizer)
    assert fingerprint(in_memory) == fingerprint(spilled)
    some = at(0, 1, 2, 3, 1500, 2399)
    np.testing.assert_array_equal(in_memory.gather(some), spilled.gather(some))


def test_other_tokens_are_another_source(source, tokenizer):
    other = tokenizer_for(source, "words")
    first, second = (token_source(source, t) for t in (tokenizer, other))
    assert fingerprint(first) != fingerprint(second)


@pytest.fixture
def tagged():
    texts = in_memory([b"EU rejects ... call", b"Peter"])
    return TagSource(texts, [np.array([1, 0, 0, 2]), np.array([3])])


def test_each_word_keeps_its_tag(tagged):
    tokenizer = tokenizer_for(tagged)
    found = token_source(tagged, tokenizer)
    assert found.has_targets
    ids, tags = found.gather(at(0, 1)), found.targets(at(0, 1))
    assert tags.numpy().tolist() == [[1, 0, 0, 2, -1], [3, -1, -1, -1, -1]]
    assert words_of(tokenizer, ids[0, :2]) == ["eu", "rejects"]
    assert words_of(tokenizer, ids[1, :1]) == ["peter"]


def test_a_word_of_which_nothing_is_left_is_unknown():
    texts = TagSource(in_memory([b"a \x01 b"]), [np.array([0, 1, 2])])
    tokenizer = tokenizer_for(texts)
    ids = token_source(texts, tokenizer).gather(at(0)).numpy()[0, :3]
    assert ids[1] == UNKNOWN and words_of(tokenizer, ids[::2]) == ["a", "b"]


def test_subsets_keep_their_tags(tagged):
    tokenizer = tokenizer_for(tagged)
    some = token_source(take(tagged, [1]), tokenizer)
    assert some.targets(at(0)).numpy()[0, 0] == 3


def of_lengths(lengths, longest=32):
    source = texts_source(["be " * n for n in lengths])
    return token_source(source, tokenizer_for(source, length=longest))


def test_batches_of_texts_are_a_pure_function_of_their_step():
    random = np.random.default_rng(0)
    found = of_lengths(random.integers(1, 40, 200))

    def transform(inputs, labels, seeds):
        return inputs, seeds[:, 2], tf.ones_like(labels, tf.float32)

    make = partial(training_batches, found, transform, batch_size=16, seed=1)
    whole = [b[1].numpy().tolist() for b in make().take(12)]
    later = [b[1].numpy().tolist() for b in make(start_step=5).take(7)]
    assert whole[5:] == later
    halves = [
        [b[1].numpy().tolist() for b in make(shard=(i, 2)).take(12)]
        for i in range(2)
    ]
    assert [a + b for a, b in zip(*halves, strict=True)] == whole


def test_texts_of_similar_length_are_evaluated_together():
    # short and long texts take turns: in order, all would be padded to 24
    found = of_lengths([1, 20] * 8)
    batches = list(evaluation_batches(found, unweighted, batch_size=6))
    assert [inputs.shape for inputs, _, _ in batches] == [
        *((6, 8), (6, 24), (6, 24))
    ]
    shown = [int(w) for _, _, weights in batches for w in weights]
    assert shown == [1] * 16 + [0] * 2


def test_outputs_come_in_the_order_of_the_texts():
    # three groups of 16 batches, the last of them short
    lengths = np.random.default_rng(1).integers(1, 40, 90)
    found = of_lengths(lengths)
    ids = keras.Input((None,), dtype="int32")
    count = keras.ops.sum(keras.ops.cast(ids != 0, "float32"), 1, keepdims=True)
    rows = outputs_of(keras.Model(ids, count), found, batch_size=2)
    np.testing.assert_array_equal(rows[:, 0], found.lengths)


def test_a_source_without_tags_has_labels_as_targets():
    ids = np.array([5, 6, 7], np.int32)
    found = TokenSource(ids, [1, 3], [0, 1], np.zeros(2), longest=4)
    assert found.spec == tf.TensorSpec((None,), tf.int32, "tokens")
    assert len(found) == 2 and not found.has_targets
    assert found.targets(at(1, 0, 1)).numpy().tolist() == [1, 0, 1]


def test_what_texts_lose_by_hand(tokenizer):
    texts = texts_source(["to be or whatever", "be", "to or to be be be"])
    found = token_source(texts, tokenizer)
    assert found.unknown == pytest.approx(1 / 11)
    assert found.cut_off == pytest.approx(1 / 3)
