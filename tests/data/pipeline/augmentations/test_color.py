"""Colours, by hand and as Pillow and TensorFlow change them."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance

from keras_ptft.data.pipeline.augmentations.color import (
    brightened,
    color_jitter,
    contrasted,
    luminance,
    recolored,
    saturated,
)
from keras_ptft.data.pipeline.augmentations.photo import photo
from keras_ptft.errors import UserError
from tests.data.pipeline.seeded import color_digits, grey_digits, seeds

FACTORS = [0.0, 0.3, 1.0, 1.7]
ENHANCED = {
    "brightness": (brightened, ImageEnhance.Brightness),
    "contrast": (contrasted, ImageEnhance.Contrast),
    "saturation": (saturated, ImageEnhance.Color),
}


def pixels(*colors):
    return tf.constant([[colors]], tf.uint8)


def changed(change, images, amount):
    return change(images, tf.constant([amount])).numpy()[0, 0].tolist()


def test_brightness_by_hand():
    assert changed(brightened, pixels([100], [250]), 1.256) == [[126], [255]]


def test_contrast_by_hand():
    # their mean is 150
    assert changed(contrasted, pixels([100], [200]), 0.5) == [[125], [175]]
    assert changed(contrasted, pixels([100], [200]), 4.0) == [[0], [255]]


def test_saturation_by_hand():
    # the luminance of red is 0.299 * 255, 76; 76 + (255 - 76) / 4 is 120.75
    assert changed(saturated, pixels([255, 0, 0]), 0.25) == [[121, 57, 57]]
    assert changed(saturated, pixels([255, 0, 0]), 0.0) == [[76, 76, 76]]


def test_hues_by_hand():
    rainbow = pixels([200, 0, 0], [0, 200, 0], [9, 9, 9])
    assert changed(recolored, rainbow, 1 / 3) == [
        [0, 200, 0],
        [0, 0, 200],
        [9, 9, 9],
    ]
    assert changed(recolored, rainbow, -1 / 6)[0] == [200, 0, 200]


@pytest.mark.parametrize("name", ENHANCED)
@pytest.mark.parametrize("make", [grey_digits, color_digits])
def test_as_pillow_enhances(name, make):
    ours, theirs = ENHANCED[name]
    images = make(16)
    for factor in FACTORS:
        found = ours(images, tf.fill([16], factor)).numpy().astype(int)
        for image, enhanced in zip(images.numpy(), found, strict=True):
            picture = Image.fromarray(image.squeeze())
            expected = np.array(theirs(picture).enhance(factor), int)
            # it cuts the fraction off
            assert np.abs(enhanced.squeeze() - expected).max() <= 1


def test_luminance_as_pillow_has_it():
    every = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    expected = np.array(Image.fromarray(every[0]).convert("L"))
    found = luminance(tf.constant(every))[0, :, :, 0]
    np.testing.assert_array_equal(found, expected)


def test_hues_as_tensorflow_adjusts_them():
    images = color_digits(16)
    for turn in (-0.5, -0.1, 0.25):
        found = recolored(images, tf.fill([16], turn)).numpy().astype(int)
        expected = tf.image.adjust_hue(images, turn).numpy().astype(int)
        assert np.abs(found - expected).max() <= 1


def test_no_change_leaves_the_bits():
    every = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    images = tf.constant(every)
    for change in (brightened, contrasted, saturated):
        np.testing.assert_array_equal(change(images, tf.ones(4)), images)
    np.testing.assert_array_equal(recolored(images, tf.zeros(4)), images)
    none = dict.fromkeys(["brightness", "contrast", "saturation", "hue"], 0.0)
    same = color_jitter(images, seeds(range(4)), **none)
    np.testing.assert_array_equal(same, images)


def test_brightness_is_uniform_about_the_image():
    images = tf.fill([2000, 1, 1, 1], tf.constant(100, tf.uint8))
    settings = {"contrast": 0.0, "saturation": 0.0, "hue": 0.0}
    found = color_jitter(
        images, seeds(range(2000)), brightness=0.5, **settings
    ).numpy()
    assert (found.min(), found.max()) == (50, 150)
    assert abs(found.mean() - 100) < 2
    # a uniform distribution of width 100
    assert abs(found.std() - 100 / 12**0.5) < 1


def test_grey_images_have_no_colours_to_change():
    images = grey_digits()
    same = color_jitter(images, seeds(range(64)), brightness=0.0, contrast=0.0)
    np.testing.assert_array_equal(same, images)


def test_colours_of_what_has_none():
    for images in (tf.zeros((2, 4, 4, 3)), tf.zeros((2, 4, 4, 2), tf.uint8)):
        for row in (color_jitter, photo):
            with pytest.raises(UserError, match="needs uint8 images of 1 cha"):
                row(images, seeds(range(2)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"brightness": 1.1}, "'brightness' must be from 0 to 1, got 1.1"),
        ({"contrast": -0.1}, "'contrast' must be from 0 to 1, got -0.1"),
        ({"saturation": 2.0}, "'saturation' must be from 0 to 1, got 2.0"),
        ({"hue": 0.6}, "'hue' must be from 0 to 0.5, got 0.6"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UserError, match=message):
        color_jitter(color_digits(2), seeds(range(2)), **settings)
    with pytest.raises(UserError, match="'color' must be from 0 to 1"):
        photo(color_digits(2), seeds(range(2)), color=1.1)
