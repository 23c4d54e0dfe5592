"""Rotations of images: which are shown, and what telling them costs."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.rotation import Rotation

IMAGES = np.random.default_rng(3).integers(0, 256, (64, 5, 5, 3), np.uint8)


def info(*shape, dtype=tf.uint8):
    return DataInfo(tf.TensorSpec(shape, dtype, "image"))


def rotated(examples=range(64), epoch=0, seed=7):
    """Images and their quarter turns, as arrays."""
    examples = list(examples)
    seeds = tf.constant([[seed, epoch, e] for e in examples], tf.int64)
    found = Rotation(info(5, 5, 3)).transform(IMAGES[examples], None, seeds)
    return [part.numpy() for part in found]


def test_images_are_rotated_as_numpy_does():
    images, turns, weights = rotated()
    assert images.dtype == np.uint8 and turns.dtype == np.int64
    for found, image, turn in zip(images, IMAGES, turns, strict=True):
        np.testing.assert_array_equal(found, np.rot90(image, turn))
    # of 64, each angle about 16 times
    assert np.bincount(turns).min() >= 8
    assert weights.tolist() == [1.0] * 64


def test_four_epochs_show_every_angle():
    turns = np.stack([rotated(epoch=epoch)[1] for epoch in range(8, 12)])
    assert np.sort(turns, axis=0).tolist() == [[k] * 64 for k in range(4)]


def test_an_angle_depends_on_seed_epoch_and_example_alone():
    images, turns, _ = rotated(epoch=-1)
    alone, turn, _ = rotated([9], epoch=-1)
    np.testing.assert_array_equal(alone[0], images[9])
    assert turn[0] == turns[9]
    assert (rotated(epoch=-1, seed=8)[1] != turns).any()


def test_loss_and_accuracy_by_hand():
    objective = Rotation(info(5, 5, 3))
    # probabilities 1/2, 1/4, 1/8, 1/8
    logits = tf.math.log(tf.constant([[4.0, 2.0, 1.0, 1.0]] * 2))
    loss = objective.loss(tf.constant([0, 3], tf.int64), logits)
    np.testing.assert_allclose(loss, [np.log(2), np.log(8)], rtol=1e-6)
    [metric] = objective.metrics()
    metric.update_state(tf.constant([0, 3]), logits, tf.constant([3.0, 1.0]))
    assert float(metric.result()) == 0.75


def test_pictures_are_what_the_model_sees():
    seeds = tf.constant([[7, 0, e] for e in range(64)], tf.int64)
    pictures = Rotation(info(5, 5, 3)).pictures(IMAGES, None, seeds)
    np.testing.assert_array_equal(pictures["rotated"], rotated()[0])


@pytest.mark.parametrize(
    "data, message",
    [
        (info(24, 32, 1), "needs square images, got .*24×32 .*image_size=24"),
        (info(7), "--objective=rotation learns from images, and the data are"),
        (DataInfo(), "and the data are none: choose images"),
    ],
)
def test_what_cannot_be_rotated(data, message):
    with pytest.raises(UserError, match=message):
        Rotation(data)
