"""Views of augmented examples, one an epoch in turn."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.pipeline.augmentations.geometry import shift
from keras_ptft.data.pipeline.batching import training_batches, unweighted
from keras_ptft.data.pipeline.epoch_views import Augmented, Views
from keras_ptft.data.pipeline.showing import Showing

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 1), np.uint8)
SOURCE = ArraySource(IMAGES, np.arange(10))


def views(count):
    epochs = range(count)
    return Views(tuple(Augmented(SOURCE, shift, "shift", 7, e) for e in epochs))


def batches(source, **settings):
    found = training_batches(
        source, unweighted, batch_size=5, seed=7, **settings
    )
    return [inputs.numpy() for inputs, _, _ in found.take(8)]


def test_a_view_is_what_its_epoch_shows():
    streamed = batches(SOURCE, showing=Showing(shift))
    for one, other in zip(streamed, batches(views(4)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("start", [0, 3])
def test_epochs_take_turns(start):
    def marked(value):
        return ArraySource(np.full((10, 1), value, np.float32), np.zeros(10))

    turns = Views((marked(0), marked(1), marked(2)))
    # two batches an epoch
    expected = [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2][start : start + 8]
    seen = [x[0, 0] for x in batches(turns, start_step=start)]
    assert seen == expected


def test_views_are_not_augmented_again():
    once = batches(views(1))
    for one, other in zip(
        once, batches(views(1), showing=Showing(shift)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_views_have_the_members_of_their_source():
    found = views(2)
    assert (len(found), found.spec) == (10, SOURCE.spec)
    np.testing.assert_array_equal(found.labels, SOURCE.labels)
    np.testing.assert_array_equal(found.hashes, SOURCE.hashes)
    some = tf.constant([3, 1], tf.int64)
    np.testing.assert_array_equal(
        found.gather(some),
        found.gather_at_epoch(tf.constant(4, tf.int64), some),
    )


def test_views_of_several_inputs():
    def swapped(inputs, seeds):
        del seeds
        return {"a": inputs["b"], "b": inputs["a"]}

    several = ArraySource(
        {"a": np.zeros((4, 1)), "b": np.ones((4, 1))}, [0] * 4
    )
    turns = Views((several, Augmented(several, swapped, "swapped", 0, 1)))
    some = tf.constant([2, 0], tf.int64)
    for epoch in range(3):
        found = turns.gather_at_epoch(tf.constant(epoch, tf.int64), some)
        assert found["a"].numpy().tolist() == [[epoch % 2]] * 2
