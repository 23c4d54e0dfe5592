"""The noise of a private training."""

import numpy as np
import tensorflow as tf
from scipy import stats

from keras_ptft.training.noise import fresh_key, normals

KEY = (2**62 + 12345, -987654321)
SHAPES = [tf.TensorShape([100, 500]), tf.TensorShape([50_000])]


def drawn(key=KEY, number=0, shapes=SHAPES):
    found = normals(shapes, key, tf.constant(number, tf.int64))
    return [part.numpy() for part in found]


def test_mean_and_variance():
    parts = drawn()
    assert [part.shape for part in parts] == [(100, 500), (50_000,)]
    values = np.concatenate([part.ravel() for part in parts])
    count = len(values)
    assert count == 100_000
    # 6 standard deviations of each estimate
    assert abs(values.mean()) < 6 / np.sqrt(count)
    assert abs(values.var() - 1) < 6 * np.sqrt(2 / count)
    assert abs(stats.skew(values)) < 6 * np.sqrt(6 / count)
    assert abs(stats.kurtosis(values)) < 6 * np.sqrt(24 / count)


def test_parts_numbers_and_keys_share_nothing():
    first, second = (part.ravel() for part in drawn())
    others = [
        second,
        *(drawn(number=n)[0].ravel() for n in (1, 2)),
        drawn(key=(KEY[0], KEY[1] + 2**40))[0].ravel(),
    ]
    for other in others:
        correlation = np.corrcoef(first, other)[0, 1]
        assert abs(correlation) < 6 / np.sqrt(len(first))
    np.testing.assert_array_equal(drawn(number=3)[1], drawn(number=3)[1])


def test_keys_are_fresh():
    keys = [fresh_key() for _ in range(100)]
    assert len(set(keys)) == 100
    bits = [f"{number % 2**64:064b}" for key in keys for number in key]
    ones = "".join(bits).count("1")
    # 12,800 bits, 10 standard deviations
    assert abs(ones - 6400) < 10 * np.sqrt(3200)
