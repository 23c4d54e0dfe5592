"""A permutation that is fair for small sets too."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw, permuted


def permutation(size, seed=0, epoch=0):
    key = tf.constant([seed, epoch], tf.int64)
    return permuted(tf.range(size, dtype=tf.int64), key, size).numpy()


@pytest.mark.parametrize("size", [1, 2, 3, 64, 1000])
def test_every_place_once(size):
    assert sorted(permutation(size)) == list(range(size))


def test_another_key_is_another_order():
    orders = [permutation(50, *key) for key in ((0, 0), (0, 1), (1, 0))]
    assert len({tuple(order) for order in orders}) == 3
    np.testing.assert_array_equal(permutation(50, 1, 0), orders[2])


def test_batches_of_sorted_classes_are_as_even_as_chance():
    # 400 examples sorted into 10 classes: chi² of a batch's 9 degrees of
    # freedom, less for drawing without replacement, is about 8 by chance
    batches = []
    for epoch in range(50):
        classes = permutation(400, epoch=epoch) * 10 // 400
        batches += [classes[i : i + 64] for i in range(0, 384, 64)]
    counts = np.stack([np.bincount(b, minlength=10) for b in batches])
    chi_squared = ((counts - 6.4) ** 2 / 6.4).sum(1).mean()
    assert 6.5 < chi_squared < 9.5


def test_numbers_are_uniform_and_unrelated():
    examples = tf.range(20000, dtype=tf.int64)
    zeros = tf.zeros_like(examples)
    numbers = draw(tf.stack([zeros, zeros, examples], 1), 3).numpy()
    assert numbers.dtype == np.float32
    assert numbers.min() >= 0 and numbers.max() < 1
    np.testing.assert_allclose(numbers.mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(numbers.std(0), 12**-0.5, atol=0.01)
    related = np.corrcoef(numbers.T)[np.triu_indices(3, 1)]
    following = np.corrcoef(numbers[:-1, 0], numbers[1:, 0])[0, 1]
    assert np.abs([*related, following]).max() < 0.03


def test_streams_are_unrelated():
    examples = tf.range(5000, dtype=tf.int64)
    zeros = tf.zeros_like(examples)
    seeds = tf.stack([zeros, zeros, examples], 1)
    one, other, last = (draw(seeds, 2, stream=n) for n in (0, 1, 255))
    np.testing.assert_array_equal(one, draw(seeds, 2))
    columns = np.concatenate([one, other, last], 1)
    related = np.corrcoef(columns.T)[np.triu_indices(6, 1)]
    assert np.abs(related).max() < 0.06
    assert last.numpy().min() >= 0 and last.numpy().max() < 1


def test_a_key_and_a_size_for_each_index():
    indices = tf.constant([0, 1, 2, 0, 1], tf.int64)
    keys = tf.constant([[1, 0]] * 3 + [[2, 5]] * 2, tf.int64)
    sizes = tf.constant([3, 3, 3, 2, 2], tf.int64)
    found = permuted(indices, keys, sizes).numpy()
    np.testing.assert_array_equal(found[:3], permutation(3, 1, 0))
    np.testing.assert_array_equal(found[3:], permutation(2, 2, 5))
