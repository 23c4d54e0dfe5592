"""Augmentation by hand, in tf.data and out of it."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import Loading, load
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.errors import UserError
from keras_ptft.registry import lookup

CASES = {
    "none": "none",
    "flip": "flip",
    "shift": "shift(padding=2)",
    "flip_crop": "flip_crop(padding=3)",
    "drop_tokens": "drop_tokens(rate=0.3)",
}


def seeds(examples, seed=5, epoch=0):
    examples = np.asarray(examples, np.int64)
    head = np.broadcast_to(np.int64([seed, epoch]), (len(examples), 2))
    return tf.constant(np.concatenate([head, examples[:, None]], 1))


@pytest.fixture(scope="module")
def images():
    source = load("digits", Loading(image_size=8)).splits["train"]
    return source.gather(np.arange(64))


@pytest.fixture(scope="module")
def inputs(images):
    ids = tf.reshape(tf.range(1, 64 * 12 + 1), [64, 12])
    return {"drop_tokens": ids} | dict.fromkeys(
        set(CASES) - {"drop_tokens"}, images
    )


def test_every_row_has_a_case():
    assert set(CASES) == set(AUGMENTATIONS)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_eagerly_and_in_a_pipeline(inputs, name):
    augment = lookup(AUGMENTATIONS, CASES[name], "augmentation")
    images = inputs[name]
    keys = seeds(range(64))
    eager = augment(images, keys)
    (piped,) = tf.data.Dataset.from_tensors((images, keys)).map(augment)
    assert eager.dtype == images.dtype
    np.testing.assert_array_equal(eager, piped)
    assert eager.shape == images.shape
    changed = bool((eager.numpy() != images.numpy()).any())
    assert changed == (name != "none")


@pytest.mark.parametrize("name", sorted(set(AUGMENTATIONS) - {"none"}))
def test_a_view_depends_on_seed_epoch_and_example_alone(inputs, name):
    augment = lookup(AUGMENTATIONS, CASES[name], "augmentation")
    images = inputs[name]
    whole = augment(images, seeds(range(64))).numpy()
    order = np.random.default_rng(0).permutation(64)
    shuffled = augment(tf.gather(images, order), seeds(order)).numpy()
    np.testing.assert_array_equal(shuffled, whole[order])
    for other in ({"epoch": 1}, {"seed": 6}):
        view = augment(images, seeds(range(64), **other)).numpy()
        assert (view != whole).any()


def test_flip_mirrors_about_half():
    images = tf.constant(np.arange(6).reshape(1, 2, 3, 1).repeat(1000, 0))
    flipped = AUGMENTATIONS["flip"](images, seeds(range(1000))).numpy()
    straight = (flipped[..., 0] == [[0, 1, 2], [3, 4, 5]]).all((1, 2))
    mirrored = (flipped[..., 0] == [[2, 1, 0], [5, 4, 3]]).all((1, 2))
    assert (straight ^ mirrored).all()
    assert 450 < mirrored.sum() < 550


def test_shifts_are_uniform():
    # one bright pixel in the middle of 5×5 moves by up to 2 to each side
    image = np.zeros((1, 5, 5, 1), np.uint8)
    image[0, 2, 2] = 255
    images = tf.constant(image.repeat(5000, 0))
    moved = AUGMENTATIONS["shift"](images, seeds(range(5000)), padding=2)
    pixels = moved.numpy()[..., 0].reshape(5000, 25)
    assert (pixels.sum(1, dtype=np.int64) == 255).all()
    counts = (pixels > 0).sum(0)
    assert counts.min() > 130 and counts.max() < 270


def test_no_padding_leaves_images_alone(images):
    same = AUGMENTATIONS["shift"](images, seeds(range(64)), padding=0)
    np.testing.assert_array_equal(same, images)


def test_vectors_cannot_be_augmented():
    message = r"got float32 of shape \(3,\): use --augment=none"
    with pytest.raises(UserError, match=message):
        AUGMENTATIONS["flip"](tf.zeros((2, 3)), seeds(range(2)))
    with pytest.raises(UserError, match="got the inputs a, b: use --augment"):
        AUGMENTATIONS["flip"](dict.fromkeys("ab", tf.eye(2)), seeds(range(2)))
    with pytest.raises(UserError, match="'padding' must be at least 0"):
        AUGMENTATIONS["shift"](tf.zeros((1, 4, 4, 1)), seeds([0]), padding=-1)


def test_dropped_tokens_leave_gaps_whatever_the_padding():
    drop = lookup(AUGMENTATIONS, "drop_tokens(rate=0.25)", "augmentation")
    ids = tf.reshape(tf.range(1, 8001), [1000, 8])
    found = drop(ids, seeds(range(1000))).numpy()
    kept = found > 0
    np.testing.assert_array_equal(found[kept], ids.numpy()[kept])
    assert abs(kept.mean() - 0.75) < 0.02
    longer = drop(tf.pad(ids, [[0, 0], [0, 5]]), seeds(range(1000)))
    np.testing.assert_array_equal(longer[:, :8], found)


def test_a_token_is_dropped_with_its_n_grams():
    ids = tf.ones((4, 6, 3), tf.int32)
    drop = lookup(AUGMENTATIONS, "drop_tokens(rate=0.5)", "augmentation")
    found = drop(ids, seeds(range(4))).numpy()
    assert set(found.sum(axis=2).ravel()) == {0, 3}


def test_images_have_no_tokens():
    with pytest.raises(UserError, match="'drop_tokens' needs texts, got uint8"):
        AUGMENTATIONS["drop_tokens"](
            tf.zeros((1, 4, 4, 1), tf.uint8), seeds([0])
        )
