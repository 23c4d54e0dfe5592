"""Augmentation by hand, in tf.data and out of it."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.errors import UserError
from keras_ptft.registry import lookup
from tests.data.pipeline.seeded import color_digits, grey_digits, seeds

CASES = {
    "none": "none",
    "color_jitter": "color_jitter",
    "distort": "distort(rotate=20, bend=0.2)",
    "drop_tokens": "drop_tokens(rate=0.3)",
    "flip": "flip",
    "flip_crop": "flip_crop(padding=3)",
    "photo": "photo(area=(0.5, 1), color=0.3)",
    "rand_augment": "rand_augment(layers=3, magnitude=15)",
    "random_resized_crop": "random_resized_crop(area=[0.3, 0.9])",
    "shift": "shift(padding=2)",
    "simclr": "simclr(area=[0.2, 0.9], color=0.8)",
}


@pytest.fixture(scope="module", params=[1, 3], ids=["grey", "color"])
def inputs(request):
    ids = tf.reshape(tf.range(1, 64 * 12 + 1), [64, 12])
    images = grey_digits() if request.param == 1 else color_digits()
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
    alone = [augment(images[n : n + 1], seeds([n])).numpy() for n in range(9)]
    np.testing.assert_array_equal(np.concatenate(alone), whole[:9])
    order = np.random.default_rng(0).permutation(64)
    shuffled = augment(tf.gather(images, order), seeds(order)).numpy()
    np.testing.assert_array_equal(shuffled, whole[order])
    for other in ({"epoch": 1}, {"seed": 6}):
        view = augment(images, seeds(range(64), **other)).numpy()
        assert (view != whole).any()


def test_vectors_cannot_be_augmented():
    message = r"got float32 of shape \(3,\): use --augment=none"
    with pytest.raises(UserError, match=message):
        AUGMENTATIONS["flip"](tf.zeros((2, 3)), seeds(range(2)))
    with pytest.raises(UserError, match="got the inputs a, b: use --augment"):
        AUGMENTATIONS["flip"](dict.fromkeys("ab", tf.eye(2)), seeds(range(2)))
    for name in set(CASES) - {"none", "drop_tokens"}:
        with pytest.raises(UserError, match=r"needs images of shape \(height"):
            AUGMENTATIONS[name](tf.zeros((2, 3)), seeds(range(2)))


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
