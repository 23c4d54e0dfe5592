"""Augmented and mixed batches: the same for any number of workers."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.pipeline.augment import flip
from keras_ptft.data.pipeline.batching import (
    training_batches,
    unweighted,
    weighted,
)
from keras_ptft.data.pipeline.epoch_views import Augmented, Views
from keras_ptft.data.pipeline.mix import Mixing, cutmix, mixup
from keras_ptft.data.pipeline.showing import Showing, paired_places
from keras_ptft.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), np.uint8)
SOURCE = ArraySource(IMAGES, np.arange(40) % 5)


def soften(labels):
    return tf.one_hot(labels, 5)


def batches(showing, count=6, *, source=SOURCE, batch_size=12, **settings):
    made = training_batches(
        source,
        unweighted,
        batch_size=batch_size,
        seed=7,
        showing=showing,
        **settings,
    )
    return list(made.take(count).as_numpy_iterator())


def swapped(inputs, others, seeds):
    """Shows the partner alone."""
    del inputs
    return others, tf.zeros_like(seeds[:, 0], tf.float32)


@pytest.mark.parametrize("batch_size", [2, 5, 12])
def test_the_partner_is_half_a_batch_farther(batch_size):
    plain = batches(Showing(), batch_size=batch_size)
    pairs = batches(Showing(mix=Mixing(swapped, soften)), batch_size=batch_size)
    half = batch_size // 2
    for (inputs, labels, _), (others, targets, _) in zip(
        plain, pairs, strict=True
    ):
        np.testing.assert_array_equal(others, np.roll(inputs, -half, 0))
        np.testing.assert_array_equal(targets.argmax(1), np.roll(labels, -half))


def test_partners_are_augmented_as_they_are_themselves():
    mix = Mixing(swapped, soften)
    plain = batches(Showing(flip))
    for (inputs, _, _), (others, _, _) in zip(
        plain, batches(Showing(flip, mix)), strict=True
    ):
        np.testing.assert_array_equal(others, np.roll(inputs, -6, 0))


@pytest.mark.parametrize(
    ("mix", "count"), [(mixup, 2), (cutmix, 3), (mixup, 4)]
)
def test_shards_make_up_the_mixed_batch(mix, count):
    showing = Showing(flip, Mixing(mix, soften), balanced=True)
    whole = batches(showing)
    shards = [batches(showing, shard=(n, count)) for n in range(count)]
    for step, batch in enumerate(whole):
        for part, found in enumerate(batch):
            together = np.concatenate([shard[step][part] for shard in shards])
            np.testing.assert_array_equal(together, found)


def test_a_mixed_batch_is_a_function_of_the_step():
    showing = Showing(flip, Mixing(mixup, soften))
    late = batches(showing, 2, start_step=4)
    for one, other in zip(batches(showing)[4:], late, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_few_of_many_workers_read_no_more_than_they_need():
    assert len(paired_places(64, (3, 8)).read) == 16
    assert len(paired_places(64, (1, 2)).read) == 64


def test_targets_are_shares_of_the_classes():
    [(inputs, targets, weights)] = batches(
        Showing(mix=Mixing(mixup, soften)), 1
    )
    assert (inputs.dtype, targets.dtype) == (np.uint8, np.float32)
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
    assert (np.count_nonzero(targets, axis=1) <= 2).all()
    assert weights.tolist() == [1.0] * 12


def test_mixed_examples_weigh_what_their_classes_weigh():
    class_weights = np.arange(5, dtype=np.float32)
    made = training_batches(
        SOURCE,
        weighted(unweighted, class_weights),
        batch_size=12,
        seed=7,
        showing=Showing(mix=Mixing(mixup, soften)),
    )
    _, targets, weights = next(made.as_numpy_iterator())
    np.testing.assert_allclose(weights, targets @ class_weights, rtol=1e-5)
    assert len(set(weights.tolist())) > 5


def test_views_are_mixed_and_not_augmented_again():
    views = Views((Augmented(SOURCE, flip, "flip", 7, 0),))
    mix = Mixing(swapped, soften)
    once = batches(Showing(mix=mix), 3, source=views)
    again = batches(Showing(flip, mix), 3, source=views)
    streamed = batches(Showing(flip, mix), 3)
    for one, two, three in zip(once, again, streamed, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[0], three[0])


def test_one_example_has_no_partner():
    with pytest.raises(UserError, match="--mix needs 2 examples a batch or mo"):
        batches(Showing(mix=Mixing(mixup, soften)), batch_size=1)
