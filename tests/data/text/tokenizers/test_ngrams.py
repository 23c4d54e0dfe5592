"""Character n-grams by hand."""

from collections import Counter

import tensorflow as tf

from keras_ptft.data.text.tokenizers import learn
from keras_ptft.data.text.tokenizers.ngrams import Ngrams


def hashed(*ngrams, buckets=1000):
    return tf.strings.to_hash_bucket_fast(ngrams, buckets).numpy() + 1


def test_ngrams_of_words():
    ids = Ngrams((3, 4), 1000).ids(tf.constant(["cat", "中"]), 6).numpy()
    of_cat = hashed("<ca", "cat", "at>", "<cat", "cat>")
    assert ids.tolist() == [[*of_cat, 0], [*hashed("<中>"), 0, 0, 0, 0, 0]]


def test_the_hash_is_the_same_everywhere():
    ids = Ngrams((3, 3), 20_000).ids(tf.constant(["cat"]), 3)
    assert ids.numpy().tolist() == [[15_893, 3_097, 19_333]]


def test_the_shortest_are_kept():
    ngrams = Ngrams((3, 5), 1000)
    long = tf.constant(["ab" * 50_000])
    kept = ngrams.ids(long, 39).numpy()[0]
    assert kept[:3].tolist() == hashed("<ab", "aba", "bab").tolist()
    assert kept[38] == hashed("bab" if 38 % 2 == 0 else "aba")[0]


def test_the_width_holds_999_words_of_1000():
    # "ab" has 2 + 1 n-grams of 3 and 4 characters, "abcde" 5 + 4
    ngrams = Ngrams((3, 4), 10)
    assert ngrams.width(Counter(ab=999, abcde=1)) == 1 + 3
    assert ngrams.width(Counter(ab=998, abcde=2)) == 1 + 9
    assert ngrams.width(Counter({"x" * 60: 1})) == 1 + 39


def test_a_row_is_the_word_and_its_ngrams():
    texts = tf.constant(["a cat"])
    setting = "words(ngrams=(3, 3), buckets=1000)"
    tokenizer = learn(setting, lambda: [texts], 0)
    assert tokenizer.vocabulary[4:] == ("a", "cat")
    assert (tokenizer.width, tokenizer.size) == (4, 6 + 1000)
    found = tokenizer(tf.constant(["cat", "", "cab a"]))
    ca, cat, at, cab, ab, a = 5 + hashed(
        "<ca", "cat", "at>", "cab", "ab>", "<a>"
    )
    assert found.to_list() == [
        [[5, ca, cat, at]],
        [],
        # an unknown word is still known by its parts
        [[1, ca, cab, ab], [4, a, 0, 0]],
    ]
