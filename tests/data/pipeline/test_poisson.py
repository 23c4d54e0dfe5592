"""Batches of independent draws, against what chance says of them."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.pipeline.batching import training_batches, unweighted
from keras_ptft.data.pipeline.poisson import EMPTY, Poisson, drawn
from keras_ptft.data.pipeline.showing import Showing

KEY = (4, 2026)
TENTH = Poisson(2**32 // 10, 60, KEY)
SIZE, STEPS = 200, 1500


def draw(poisson, size, step):
    return drawn(poisson, size, tf.constant(step, tf.int64)).numpy()


@pytest.fixture(scope="module")
def taken():
    """Which examples are in which batch, bool of (steps, examples)."""
    function = tf.function(drawn)
    found = np.zeros((STEPS, SIZE), bool)
    for step in range(STEPS):
        batch = function(TENTH, SIZE, tf.constant(step, tf.int64)).numpy()
        found[step, batch[batch != EMPTY]] = True
    return found


def test_each_example_comes_as_often_as_chance_says(taken):
    q = TENTH.threshold / 2**32
    spread = STEPS * q * (1 - q)
    squares = np.sum((taken.sum(axis=0) - STEPS * q) ** 2) / spread
    assert 0.001 < stats.chi2.sf(squares, SIZE) < 0.999


def test_batches_are_as_large_as_chance_says(taken):
    q = TENTH.threshold / 2**32
    sizes = taken.sum(axis=1)
    assert len(set(sizes.tolist())) > 10
    squares = np.sum((sizes - SIZE * q) ** 2) / (SIZE * q * (1 - q))
    assert 0.001 < stats.chi2.sf(squares, STEPS) < 0.999


def test_two_examples_meet_as_often_as_chance_says(taken):
    q = TENTH.threshold / 2**32
    counts = taken.astype(float)
    together = (counts.T @ counts)[np.triu_indices(SIZE, 1)]
    mean = STEPS * q * q
    # pairs that share an example are hardly correlated
    assert together.mean() == pytest.approx(mean, rel=0.02)
    assert together.var() == pytest.approx(mean * (1 - q * q), rel=0.05)


def test_one_step_says_nothing_of_the_next(taken):
    first, second = taken[:-1].ravel(), taken[1:].ravel()
    correlation = np.corrcoef(first, second)[0, 1]
    assert abs(correlation) < 5 / np.sqrt(first.size)


def test_a_batch_is_a_pure_function_of_key_and_step():
    one = draw(TENTH, SIZE, 7)
    assert (one == draw(TENTH, SIZE, 7)).all()
    others = [draw(TENTH, SIZE, 8)]
    for key in [(5, 2026), (4, 2025), (4, 2026 + 2**40), (2026, 4)]:
        keyed = dataclasses.replace(TENTH, key=key)
        others.append(draw(keyed, SIZE, 7))
    assert not any((one == other).all() for other in others)


def test_places_by_hand():
    everyone = draw(Poisson(2**32, 6, KEY), 4, 0)
    assert everyone.tolist() == [0, 1, 2, 3, EMPTY, EMPTY]
    assert draw(Poisson(2**32, 3, KEY), 4, 0).tolist() == [0, 1, 2]
    assert draw(Poisson(0, 2, KEY), 4, 0).tolist() == [EMPTY, EMPTY]


def batches(**settings):
    inputs = np.arange(20, dtype=np.float32)[:, None] + 1
    endless = training_batches(
        ArraySource(inputs, np.arange(20), name="vector"),
        unweighted,
        batch_size=5,
        seed=3,
        showing=Showing(poisson=Poisson(2**30, 12, KEY)),
        **settings,
    )
    found = itertools.islice(endless.as_numpy_iterator(), 9)
    return [(inputs[:, 0], weights) for inputs, _, weights in found]


def test_empty_places_have_no_weight():
    for step, (inputs, weights) in enumerate(batches()):
        expected = draw(Poisson(2**30, 12, KEY), 20, step)
        expected = expected[expected != EMPTY]
        assert inputs.shape == weights.shape == (12,)
        count = len(expected)
        assert weights.tolist() == [1.0] * count + [0.0] * (12 - count)
        assert inputs[:count].tolist() == (expected + 1).tolist()


def test_shards_and_later_starts_see_the_same():
    whole = batches()
    for index in range(3):
        for (inputs, weights), part in zip(
            whole, batches(shard=(index, 3)), strict=True
        ):
            own = slice(index * 4, index * 4 + 4)
            np.testing.assert_array_equal(part[0], inputs[own])
            np.testing.assert_array_equal(part[1], weights[own])
    later = batches(start_step=5)
    for one, other in zip(whole[5:], later, strict=False):
        np.testing.assert_array_equal(one, other)
