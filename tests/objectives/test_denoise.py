"""Noise on images, by its figures, and the loss of what is predicted."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.denoise import Denoise

GREY = np.full((6, 40, 40, 3), 128, np.uint8)


def info(*shape, dtype=tf.uint8):
    return DataInfo(tf.TensorSpec(shape, dtype, "image"))


def noisy(examples=range(6), epoch=0, seed=7, **settings):
    examples = list(examples)
    seeds = tf.constant([[seed, epoch, e] for e in examples], tf.int64)
    objective = Denoise(info(40, 40, 3), **settings)
    return objective.transform(GREY[examples], None, seeds)[0].numpy()


def test_gaussian_noise_is_as_wide_as_it_says():
    found = noisy(noise=0.1)
    assert found.dtype == np.uint8
    errors = (found.astype(float) - 128) / 255
    # of 28,800 numbers; nothing is cut off within 5 standard deviations
    assert abs(errors.mean()) < 0.005
    assert errors.std() == pytest.approx(0.1, rel=0.03)
    channels = np.corrcoef(errors.reshape(-1, 3).T)
    assert np.abs(channels - np.eye(3)).max() < 0.05


def test_masking_sets_whole_pixels_to_0():
    found = noisy(noise=0.25, kind="masking")
    assert set(np.unique(found)) == {0, 128}
    assert (found == found[..., :1]).all()
    assert (found == 0).mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("kind", ["gaussian", "masking"])
def test_noise_depends_on_seed_epoch_and_example_alone(kind):
    found = noisy(kind=kind)
    np.testing.assert_array_equal(noisy([4], kind=kind)[0], found[4])
    for other in (
        noisy(kind=kind, epoch=1),
        noisy(kind=kind, epoch=-1),
        noisy(kind=kind, seed=8),
        np.roll(found, 1, axis=0),
    ):
        assert (other != found).any(axis=(1, 2, 3)).all()


def test_no_noise_leaves_an_image_as_it_is():
    for kind in ("gaussian", "masking"):
        np.testing.assert_array_equal(noisy(kind=kind, noise=0), GREY)


def test_large_images_are_reduced_by_areas(caplog):
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 4, 3), np.uint8)
    objective = Denoise(info(8, 4, 3), side=4, hidden=5)
    seeds = tf.constant([[7, 0, e] for e in range(2)], tf.int64)
    _, targets, weights = objective.transform(images, None, seeds)
    blocks = images.reshape(2, 4, 2, 2, 2, 3).mean(axis=(2, 4)) / 255
    np.testing.assert_allclose(targets, blocks, rtol=1e-5)
    assert weights.numpy().tolist() == [1.0, 1.0]
    inputs = keras.Input((8, 4, 3), dtype="uint8")
    backbone = keras.Model(inputs, keras.layers.Flatten()(inputs))
    caplog.set_level("INFO", "keras_ptft")
    model = objective.assemble(backbone)
    assert "Pictures of 4×2 pixels are predicted, of images of 8×4" in (
        caplog.text
    )
    assert model.output_shape == (None, 4, 2, 3)
    # 96 numbers to 5 to 24
    assert model.count_params() == 96 * 5 + 5 + 5 * 24 + 24
    pictures = objective.pictures(images, None, seeds)
    assert {x.shape for x in pictures.values()} == {images.shape}
    clean = np.round(blocks * 255).repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(pictures["clean"], clean, atol=1)


def test_loss_by_hand():
    targets = tf.constant([[[[0.0], [1.0]]], [[[0.5], [0.5]]]])
    outputs = tf.constant([[[[0.5], [1.0]]], [[[0.5], [2.5]]]])
    loss = Denoise(info(1, 2, 1)).loss(targets, outputs)
    # half of 0.25, half of 4
    np.testing.assert_allclose(loss, [0.125, 2.0])


@pytest.mark.parametrize(
    "data, settings, message",
    [
        (info(8, 8, 1), {"noise": 1.5}, "'noise' must be from 0 to 1, got 1.5"),
        (info(8, 8, 1), {"kind": "salt"}, "must be gaussian or masking, got"),
        (info(8, 8, 1), {"side": 0}, "'side' must be at least 1, got 0"),
        (info(8, 8, 1), {"hidden": 0}, "'hidden' must be at least 1, got 0"),
        (info(8, 8, 1, dtype=tf.float32), {}, "8 bits, got float32: use"),
        (info(7), {}, "--objective=denoise learns from images, and the data"),
    ],
)
def test_what_cannot_be_denoised(data, settings, message):
    with pytest.raises(UserError, match=message):
        Denoise(data, **settings)
