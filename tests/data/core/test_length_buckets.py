"""Batches of texts of nearly the same length."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import shuffled
from keras_ptft.data.core.length_buckets import (
    buckets,
    by_length,
    padded_length,
)

LENGTHS = np.random.default_rng(0).integers(1, 60, 2000)
KEY = tf.constant([7, 3], tf.int64)


def epoch(steps=100, batch_size=20, key=KEY, lengths=LENGTHS):
    chosen = by_length(lengths, batch_size, steps, shuffled(len(lengths)))
    return np.stack(
        [chosen(tf.constant(s, tf.int64), key).numpy() for s in range(steps)]
    )


def test_buckets_by_hand():
    assert buckets(5).tolist() == [5]
    assert buckets(20).tolist() == [8, 16, 20]
    assert buckets(100).tolist() == [
        *(8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 100)
    ]


@pytest.mark.parametrize(
    ("lengths", "expected"), [([0, 3], 8), ([9], 16), ([8, 8], 8), ([30], 30)]
)
def test_padding_reaches_the_next_bucket(lengths, expected):
    lengths = tf.constant(lengths, tf.int64)
    assert int(padded_length(lengths, buckets(30))) == expected


def test_an_epoch_shows_every_example_once():
    assert sorted(epoch().ravel()) == list(range(2000))


def test_what_is_left_over_is_dropped():
    # 45 batches: two groups of 16 and one of 13
    shown = epoch(steps=45, batch_size=44).ravel()
    assert len(set(shown)) == 45 * 44


def test_a_batch_is_a_pure_function_of_its_step():
    np.testing.assert_array_equal(epoch(), epoch())


def test_each_epoch_has_its_own_batches():
    other = epoch(key=tf.constant([7, 4], tf.int64))
    pairs = zip(epoch(), other, strict=True)
    shared = [len(np.intersect1d(a, b)) for a, b in pairs]
    assert max(shared) < 20


def test_batches_are_alike_in_length_and_mixed_in_order():
    lengths = LENGTHS[epoch()]
    spread = np.ptp(lengths, axis=1)
    # a random batch of 20 spans 53 of the 59 lengths
    assert spread.mean() < 10
    longest = lengths.max(axis=1)
    assert abs(np.corrcoef(longest[:16], range(16))[0, 1]) < 0.8
