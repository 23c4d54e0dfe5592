"""Blends of examples and of their labels, by hand and by distribution."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_ptft.data.pipeline.mix import MIXES, Mixing, cutmix, mixup
from keras_ptft.errors import UserError
from keras_ptft.registry import lookup
from tests.data.pipeline.seeded import color_digits, seeds

CASES = {
    "none": "none",
    "cutmix": "cutmix(alpha=0.5)",
    "mixup": "mixup(alpha=0.4)",
}


def shares(row, count, **settings):
    zeros = tf.zeros((count, 2, 2, 1), tf.uint8)
    return row(zeros, zeros, seeds(range(count)), **settings)[1].numpy()


def test_every_row_has_a_case():
    assert set(CASES) == set(MIXES)


@pytest.mark.parametrize("name", MIXES)
def test_the_same_in_any_batch_eagerly_and_in_a_pipeline(name):
    mix = lookup(MIXES, CASES[name], "mix")
    images, keys = color_digits(), seeds(range(64))
    others = tf.roll(images, 32, 0)
    whole, share = mix(images, others, keys)
    assert (whole.dtype, whole.shape) == (images.dtype, images.shape)
    assert (share.dtype, share.shape) == (tf.float32, (64,))
    assert (name == "none") == bool((whole.numpy() == images.numpy()).all())

    pipeline = tf.data.Dataset.from_tensors((images, others, keys))
    ((piped, piped_share),) = pipeline.map(mix)
    np.testing.assert_array_equal(piped, whole)
    np.testing.assert_array_equal(piped_share, share)

    order = np.random.default_rng(0).permutation(64)[:9]
    parts = (tf.gather(part, order) for part in (images, others, keys))
    some, some_share = mix(*parts)
    np.testing.assert_array_equal(some, whole.numpy()[order])
    np.testing.assert_array_equal(some_share, share.numpy()[order])


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 8.0])
def test_shares_are_of_a_beta_distribution(alpha):
    found = shares(mixup, 5000, alpha=alpha).astype(np.float64)
    assert found.min() >= 0 and found.max() <= 1
    beta = stats.beta(alpha, alpha)
    assert found.mean() == pytest.approx(0.5, abs=0.02)
    assert found.var() == pytest.approx(beta.var(), abs=0.02)
    if alpha >= 1.0:
        assert stats.kstest(found, beta.cdf).pvalue > 0.01
    else:
        # float32 makes many of them 1; the smaller half is exact
        small = np.mean(found < beta.ppf([[0.1], [0.3], [0.45]]), axis=1)
        np.testing.assert_allclose(small, [0.1, 0.3, 0.45], atol=0.03)


def test_mixup_by_hand():
    own = tf.fill([100, 2, 2, 1], tf.constant(200, tf.uint8))
    other = tf.fill([100, 2, 2, 1], tf.constant(100, tf.uint8))
    found, share = mixup(own, other, seeds(range(100)), alpha=1.0)
    expected = np.round(100 + 100 * share.numpy())
    np.testing.assert_array_equal(found[:, 1, 0, 0], expected)
    vectors = tf.constant([[1.0, 3.0]])
    found, share = mixup(vectors, -vectors, seeds([7]), alpha=1.0)
    weight = 2 * float(share[0]) - 1
    np.testing.assert_allclose(found, [[weight, 3 * weight]], rtol=1e-5)


def test_cutmix_pastes_a_rectangle():
    # pixels are their own numbers, and those of the other 100 more
    own = np.arange(48, dtype=np.uint8).reshape(1, 6, 8, 1).repeat(500, 0)
    images, others = tf.constant(own), tf.constant(own + 100)
    found, share = cutmix(images, others, seeds(range(500)), alpha=1.0)
    found = found.numpy()
    pasted = found >= 100
    np.testing.assert_array_equal(found, own + 100 * pasted)
    np.testing.assert_allclose(share, 1 - pasted.mean((1, 2, 3)), atol=1e-6)
    for plane in pasted[..., 0]:
        rows, columns = plane.any(1), plane.any(0)
        np.testing.assert_array_equal(plane, np.outer(rows, columns))
        for side in (rows, columns):
            # in one piece
            assert np.abs(np.diff(side.astype(int))).sum() <= 2
    # every pixel is pasted, those in the middle more often
    often = pasted.mean(0)[..., 0]
    assert often.min() > 0.1 and often[2:4, 3:5].mean() > often[0, 0]


def test_rectangles_have_the_area_that_is_asked_for():
    # near 1/2 for a large alpha; the centre is anywhere, and the mean part
    # of a side of √½ that lies inside is 1 - √½ / 4
    images = tf.zeros((4000, 32, 32, 1), tf.uint8)
    _, share = cutmix(images, images, seeds(range(4000)), alpha=100.0)
    inside = 1 - 0.5**0.5 / 4
    assert 1 - np.mean(share) == pytest.approx(0.5 * inside**2, abs=0.01)
    assert np.min(share) == pytest.approx(0.5, abs=0.2)


def test_labels_are_blended_in_the_same_shares():
    mixing = Mixing(mixup, lambda labels: tf.one_hot(labels, 3))
    inputs = tf.constant([[100.0], [200.0]])
    examples = inputs, tf.constant([0, 1]), seeds([4, 9])
    others = 0 * inputs, tf.constant([2, 1]), seeds([1, 2])
    found, targets, keys = mixing(examples, others)
    share = found.numpy()[:, 0] / [100, 200]
    expected = [[share[0], 0, 1 - share[0]], [0, 1, 0]]
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    np.testing.assert_array_equal(keys, examples[2])


@pytest.mark.parametrize(
    ("inputs", "got"),
    [
        (tf.zeros((2, 5), tf.int32), r"int32 of shape \(5,\)"),
        (tf.constant(["a", "b"]), r"string of shape \(\)"),
        ({"a": tf.zeros(2), "b": tf.zeros(2)}, "the inputs a, b"),
    ],
)
def test_texts_cannot_be_mixed(inputs, got):
    message = f"averages images or vectors of numbers, got {got}: use --mix=no"
    with pytest.raises(UserError, match=message):
        mixup(inputs, inputs, seeds(range(2)))
    with pytest.raises(UserError, match=f"got {got}: use --aug.* --mix=none"):
        cutmix(inputs, inputs, seeds(range(2)))


@pytest.mark.parametrize("alpha", [0.0, -1.0, 101.0])
def test_alpha_out_of_range(alpha):
    for row in (mixup, cutmix):
        with pytest.raises(
            UserError, match=r"'alpha' must be from 0\.01 to 100"
        ):
            shares(row, 2, alpha=alpha)
