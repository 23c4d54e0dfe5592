"""Our pieces beside those of the `tokenizers` package, on real text."""

import sys
from collections import Counter

import pytest
import tensorflow as tf
import tokenizers

from keras_ptft.data.text.tokenizers import SPECIAL, Tokenizer, learn
from keras_ptft.data.text.tokenizers.pieces import Pieces
from keras_ptft.data.text.tokenizers.subwords import learn_pieces

WORDS = ["the", "cat", "sat", "on", "that", "mat", "and", "the", "hat", "then"]


def reference(tokenizer):
    """The package's own WordPiece with our vocabulary."""
    numbers = {piece: i for i, piece in enumerate(tokenizer.vocabulary)}
    model = tokenizers.models.WordPiece(numbers, unk_token=SPECIAL[1])
    theirs = tokenizers.Tokenizer(model)
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return theirs


def test_cutting_by_hand():
    pieces = Pieces(["un", "##aff", "##able", "##a", "b", "ba"])
    words = ["unaffable", "unafable", "ba", "bab", "una", "b"]
    cut = pieces.cut(tf.constant(words)).to_list()
    assert cut == [[0, 1, 2], [-1], [5], [-1], [0, 3], [4]]
    assert pieces.cut(tf.constant(["b", "ba"])).to_list() == [[4], [5]]
    assert pieces.cut(tf.constant([], tf.string)).to_list() == []
    # longer than any piece is without its sign
    assert Pieces(["a", "##abc"]).cut(["##abc"]).to_list() == [[-1]]


def test_a_word_of_more_than_100_letters_is_unknown():
    words = tf.constant(["a" * 100, "a" * 101, "a" * 100_000])
    cut = Pieces(["a", "##a"]).cut(words).to_list()
    assert cut == [[0] + [1] * 99, [-1], [-1]]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["requests", "chinese"])
def test_it_equals_the_package_on_real_text(request, batches, language):
    texts = request.getfixturevalue(language)
    learned_on = texts[: len(texts) // 2]
    tokenizer = learn("subwords(vocabulary_size=2000)", batches(learned_on), 0)
    words = tokenizer.scheme.split(tf.constant(texts))
    running = tf.strings.reduce_join(words, axis=1, separator=" ").numpy()
    theirs = reference(tokenizer).encode_batch([t.decode() for t in running])
    found = tokenizer(tf.constant(texts))
    assert found.to_list() == [encoding.ids for encoding in theirs]
    # text that it was not learned on has unknown characters, and few
    unknown = float(tf.reduce_mean(tf.cast(found.flat_values == 1, float)))
    assert 0 < unknown < 0.05


def test_the_same_is_learned_each_time():
    # left to itself the package learns now this, now that
    learned = [learn_pieces(Counter(WORDS), 40, 1) for _ in range(10)]
    assert learned == learned[:1] * 10
    assert learned[0] == learn_pieces(Counter(reversed(WORDS)), 40, 1)
    assert {"the", "t", "##h", "that"} <= set(learned[0])


def test_a_vocabulary_is_applied_without_the_package(monkeypatch, tmp_path):
    texts = tf.constant(["the cat sat on the mat"])
    tokenizer = learn("subwords(vocabulary_size=40)", lambda: [texts], 0)
    tokenizer.save(tmp_path)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    loaded = Tokenizer.load(tmp_path)
    assert loaded(texts).to_list() == tokenizer(texts).to_list()
