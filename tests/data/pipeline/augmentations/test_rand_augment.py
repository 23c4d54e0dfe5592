"""RandAugment's operations, as Pillow computes them."""

import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from keras_ptft.data.pipeline.augmentations.rand_augment import (
    OPERATIONS,
    applied,
    rand_augment,
)
from keras_ptft.errors import UserError
from tests.data.pipeline.seeded import color_digits, seeds

STRENGTHS = [-1.0, -0.3, 0.3, 1.0]
# they have no strength
WITHOUT = {"autocontrast", "equalize"}


def smooth_image(seed=0):
    """48×64, without the sharp edges at which interpolations differ."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((64, 48), Image.BICUBIC))


def ours(name, image, strength):
    found = OPERATIONS[name](tf.constant(image[None]), tf.constant([strength]))
    assert found.dtype == tf.uint8
    return found.numpy()[0].astype(int)


def about_the_middle(picture, a, b, d, e):
    """Takes each pixel from (a x + b y, d x + e y), from the middle on."""
    x, y = picture.width / 2, picture.height / 2
    matrix = (a, b, x - a * x - b * y, d, e, y - d * x - e * y)
    return picture.transform(
        picture.size, Image.AFFINE, matrix, resample=Image.BILINEAR
    )


def moved(picture, across, down):
    """Takes each pixel from `across` and `down` farther, in whole pixels."""
    return picture.transform(
        picture.size, Image.AFFINE, (1, 0, across, 0, 1, down)
    )


PILLOW = {
    "same": lambda p, _: p,
    "autocontrast": lambda p, _: ImageOps.autocontrast(p),
    "brightness": lambda p, s: ImageEnhance.Brightness(p).enhance(1 + 0.9 * s),
    "color": lambda p, s: ImageEnhance.Color(p).enhance(1 + 0.9 * s),
    "contrast": lambda p, s: ImageEnhance.Contrast(p).enhance(1 + 0.9 * s),
    "equalize": lambda p, _: ImageOps.equalize(p),
    "posterize": lambda p, s: ImageOps.posterize(p, 8 - round(4 * abs(s))),
    "rotate": lambda p, s: p.rotate(30 * s, resample=Image.BILINEAR),
    "sharpness": lambda p, s: ImageEnhance.Sharpness(p).enhance(1 + 0.9 * s),
    "shear_x": lambda p, s: about_the_middle(p, 1, 0.3 * s, 0, 1),
    "shear_y": lambda p, s: about_the_middle(p, 1, 0, 0.3 * s, 1),
    "solarize": lambda p, s: ImageOps.solarize(p, 255 * (1 - abs(s))),
    "translate_x": lambda p, s: moved(p, round(64 * 150 / 331 * s), 0),
    "translate_y": lambda p, s: moved(p, 0, round(48 * 150 / 331 * s)),
}
# where they look at the outside, pixels at the border differ
INTERPOLATED = {"rotate", "shear_x", "shear_y"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_as_pillow_computes_it(name):
    image = smooth_image()
    for strength in STRENGTHS:
        expected = np.array(PILLOW[name](Image.fromarray(image), strength), int)
        difference = np.abs(ours(name, image, strength) - expected)
        if name in INTERPOLATED:
            difference = difference[expected.any(-1)]
            assert np.quantile(difference, 0.95) <= 2
        else:
            assert difference.max() <= 1


@pytest.mark.parametrize("name", ["equalize", "posterize", "solarize"])
def test_tables_of_shades_are_exact(name):
    noise = np.random.default_rng(1).integers(0, 99, (32, 32, 3), np.uint8)
    noise[:, :20, 1] = 7
    expected = PILLOW[name](Image.fromarray(noise), 0.5)
    np.testing.assert_array_equal(ours(name, noise, 0.5), np.array(expected))


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - WITHOUT))
def test_without_strength_nothing_changes(name):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(ours(name, image, 0.0), image)


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_an_even_image_stays(name):
    image = np.full((4, 4, 3), 99, np.uint8)
    np.testing.assert_array_equal(ours(name, image, 1.0), image)


def test_each_image_gets_its_own_operation():
    images = tf.constant([[[[n]]] for n in range(5)], tf.uint8)
    add = [lambda x, s, n=n: x + n + tf.cast(s[0], x.dtype) for n in (10, 20)]
    choices = tf.constant([1, 0, 0, 1, 1])
    found = applied(add, images, choices, tf.fill([5], 100.0))
    assert found.numpy().ravel().tolist() == [120, 111, 112, 123, 124]


def test_operations_are_chosen_alike_often():
    # 2800 copies of an image; of both ways to go, each is taken as often
    image = smooth_image()[:16, :16]
    images = tf.tile(tf.constant(image[None]), [2800, 1, 1, 1])
    found = rand_augment(images, seeds(range(2800)), layers=1, magnitude=30)
    found = found.numpy().reshape(2800, -1).astype(int)
    ways, results = {}, set()
    for name in OPERATIONS:
        ways[name] = [ours(name, image, sign).ravel() for sign in (-1.0, 1.0)]
        results |= {way.tobytes() for way in ways[name]}
    assert {row.tobytes() for row in found} <= results
    for name, (back, forth) in ways.items():
        counts = [(found == way).all(1).sum() for way in (back, forth)]
        if (back == forth).all():
            assert 140 < counts[0] < 260, name
        else:
            assert min(counts) > 60 and max(counts) < 140, name


def test_layers_come_on_top_of_each_other():
    images = color_digits()
    keys = seeds(range(64))
    one = rand_augment(images, keys, layers=1, magnitude=15).numpy()
    two = rand_augment(images, keys, layers=2, magnitude=15).numpy()
    # what a second layer leaves alone, 1 in 14, is what the first one made
    same = (one == two).all((1, 2, 3))
    assert 1 <= same.sum() <= 20
    again = rand_augment(images, keys, layers=2, magnitude=15).numpy()
    np.testing.assert_array_equal(two, again)


def test_angles_by_hand():
    # a pixel to the right of the middle of 5×5 goes up, at 30 degrees
    image = np.zeros((5, 5, 1), np.uint8)
    image[2, 4] = 200
    found = ours("rotate", image, 1.0)[..., 0]
    # 2 cos 30° to the right and 2 sin 30° up is (1, 3.73)
    assert np.unravel_index(found.argmax(), (5, 5)) == (1, 4)
    assert math.isclose(found[1, 4] / 200, 0.65, abs_tol=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "'layers' must be from 1 to 16, got 0"),
        ({"magnitude": 31.0}, "'magnitude' must be from 0 to 30, got 31.0"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UserError, match=message):
        rand_augment(color_digits(2), seeds(range(2)), **settings)
    with pytest.raises(UserError, match="needs uint8 images of 1 channel or 3"):
        rand_augment(tf.zeros((2, 4, 4, 1)), seeds(range(2)))
