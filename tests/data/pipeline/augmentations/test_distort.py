"""Distortion against SciPy, NumPy and by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

from keras_ptft.data.pipeline.augmentations.distort import (
    affine_places,
    bend_field,
    distort,
    sampled,
    spline_weights,
)
from keras_ptft.errors import UserError
from tests.data.pipeline.seeded import color_digits, grey_digits, seeds

STILL = dict.fromkeys(("rotate", "zoom", "shear", "shift", "bend"), 0.0)


def places_of(size, **amounts):
    """Where pixels come from, of one image."""
    names = ("angle", "tall", "wide", "shear", "down", "across")
    numbers = [amounts.get(name, 0.0) for name in names]
    return affine_places(tf.constant([numbers], tf.float64), size)


def test_nothing_moves_without_a_setting():
    images = color_digits()
    found = distort(images, seeds(range(64)), **STILL)
    np.testing.assert_array_equal(found, images)


@pytest.mark.parametrize("setting", sorted(STILL))
def test_each_setting_changes_images(setting):
    images = grey_digits()
    amounts = {**STILL, setting: 15.0 if setting == "rotate" else 0.2}
    found = distort(images, seeds(range(64)), **amounts)
    changed = (found.numpy() != images.numpy()).any(axis=(1, 2, 3))
    assert changed.mean() > 0.9


def test_a_quarter_turn_is_that_of_numpy():
    images = grey_digits(3)
    places = tf.repeat(places_of((8, 8), angle=math.pi / 2), 3, axis=0)
    found = sampled(images, tf.cast(places, tf.float32)).numpy()
    np.testing.assert_array_equal(found, np.rot90(images, 1, (1, 2)))


def test_shift_zoom_and_shear_by_hand():
    # rows and columns of a 3×5 image, the middle of which is (1, 2)
    down = places_of((3, 5), down=1 / 3)[0, 0, 0].numpy()
    np.testing.assert_allclose(down, [1.0, 0.0])
    wide = places_of((3, 5), wide=1.0)[0, 0, 0].numpy()
    np.testing.assert_allclose(wide, [0.0, 1.0])
    shear = places_of((3, 5), shear=0.5)[0, 2, 2].numpy()
    np.testing.assert_allclose(shear, [2.0, 2.5])


def test_pixels_between_others_are_those_of_scipy():
    images = color_digits(5).numpy()
    places = np.random.default_rng(0).uniform(-3, 11, (5, 8, 8, 2))
    found = sampled(tf.constant(images), tf.constant(places, tf.float32))
    for image, where, result in zip(images, places, found.numpy(), strict=True):
        for channel in range(3):
            expected = map_coordinates(
                image[..., channel].astype(float),
                np.moveaxis(where, 2, 0),
                order=1,
                mode="grid-constant",
            )
            assert np.abs(result[..., channel] - expected).max() <= 0.501


def test_the_spline_is_that_of_scipy():
    places = (np.arange(28) + 0.5) / 28 * 4
    knots = np.arange(-3, 8)
    expected = BSpline.design_matrix(places, knots, 3).toarray()
    np.testing.assert_allclose(spline_weights(28), expected, atol=1e-12)


def test_an_even_displacement_moves_all_alike():
    grid = tf.repeat(tf.constant([[0.25, -0.5]], tf.float64), 49, axis=1)
    field = bend_field(grid, (8, 4)).numpy()
    np.testing.assert_allclose(field[..., 0], 2.0)
    np.testing.assert_allclose(field[..., 1], -2.0)


@pytest.mark.parametrize("setting", ["rotate=181", "bend=1.5", "zoom=-0.1"])
def test_amounts_out_of_range_are_refused(setting):
    name, value = setting.split("=")
    with pytest.raises(UserError, match=f"'{name}' must be"):
        distort(grey_digits(2), seeds(range(2)), **{name: float(value)})
