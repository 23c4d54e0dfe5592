"""Images mirrored, moved and cropped, against NumPy and by hand."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import map_coordinates

from keras_ptft.data.pipeline.augmentations.geometry import (
    crop_boxes,
    cropped,
    flip,
    random_resized_crop,
    shift,
)
from keras_ptft.data.pipeline.augmentations.photo import photo
from keras_ptft.errors import UserError
from tests.data.pipeline.seeded import color_digits, seeds

RATIO = (3 / 4, 4 / 3)


def test_flip_mirrors_about_half():
    images = tf.constant(np.arange(6).reshape(1, 2, 3, 1).repeat(1000, 0))
    flipped = flip(images, seeds(range(1000))).numpy()
    straight = (flipped[..., 0] == [[0, 1, 2], [3, 4, 5]]).all((1, 2))
    mirrored = (flipped[..., 0] == [[2, 1, 0], [5, 4, 3]]).all((1, 2))
    assert (straight ^ mirrored).all()
    assert 450 < mirrored.sum() < 550


def test_shifts_are_uniform():
    # one bright pixel in the middle of 5×5 moves by up to 2 to each side
    image = np.zeros((1, 5, 5, 1), np.uint8)
    image[0, 2, 2] = 255
    images = tf.constant(image.repeat(5000, 0))
    moved = shift(images, seeds(range(5000)), padding=2)
    pixels = moved.numpy()[..., 0].reshape(5000, 25)
    assert (pixels.sum(1, dtype=np.int64) == 255).all()
    counts = (pixels > 0).sum(0)
    assert counts.min() > 130 and counts.max() < 270


def test_a_crop_by_hand():
    # 40 a row and 10 a column; the middle 2×2 pixels, at rows and columns
    # 1, 4/3, 5/3 and 2
    image = 40 * np.arange(4)[:, None] + 10 * np.arange(4)
    images = tf.constant(image[None, :, :, None], tf.uint8)
    box = tf.constant([[1 / 3, 1 / 3, 2 / 3, 2 / 3]])
    assert cropped(images, box).numpy()[0, :, :, 0].tolist() == [
        [50, 53, 57, 60],
        [63, 67, 70, 73],
        [77, 80, 83, 87],
        [90, 93, 97, 100],
    ]


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
def test_crops_are_bilinear(dtype):
    values = np.random.default_rng(0).integers(0, 256, (6, 9, 13, 2))
    images = tf.cast(tf.constant(values), dtype)
    boxes = crop_boxes(images, seeds(range(6)), (0.1, 0.9), RATIO)
    found = cropped(images, boxes)
    assert found.dtype == dtype
    for image, box, enlarged in zip(
        values, boxes.numpy(), found.numpy(), strict=True
    ):
        top, left, bottom, right = box
        rows = np.linspace(top, bottom, 9) * 8
        columns = np.linspace(left, right, 13) * 12
        grid = np.meshgrid(rows, columns, indexing="ij")
        for channel in range(2):
            plane = image[..., channel].astype(np.float64)
            expected = map_coordinates(plane, grid, order=1)
            error = np.abs(enlarged[..., channel] - expected).max()
            assert error < (0.51 if dtype == tf.uint8 else 0.01)


def test_parts_have_the_areas_and_ratios_that_are_asked_for():
    images = tf.zeros((4000, 10, 20, 1), tf.uint8)
    boxes = crop_boxes(images, seeds(range(4000)), (0.1, 0.3), (0.5, 2.0))
    top, left, bottom, right = boxes.numpy().T
    areas = (bottom - top) * (right - left)
    assert areas.min() >= 0.1 - 1e-6 and areas.max() <= 0.3 + 1e-6
    # of pixels, and the image is twice as wide as high
    ratios = 2 * (right - left) / (bottom - top)
    assert ratios.min() >= 0.5 - 1e-6 and ratios.max() <= 2 + 1e-6
    assert min(top.min(), left.min()) >= 0
    assert max(bottom.max(), right.max()) <= 1
    # each is uniform: mean 0.2, 0 and 1/2, and none depends on another
    numbers = [areas, np.log(ratios), top / (1 - bottom + top)]
    numbers.append(left / (1 - right + left))
    means = [np.mean(drawn) for drawn in numbers]
    np.testing.assert_allclose(means, [0.2, 0, 0.5, 0.5], atol=0.02)
    related = np.corrcoef(numbers)[np.triu_indices(4, 1)]
    assert np.abs(related).max() < 0.05


def test_a_part_that_never_fits_is_the_whole_image():
    images = color_digits()
    # a quarter wider than high at the whole area
    boxes = crop_boxes(images, seeds(range(64)), (1.0, 1.0), (1.2, 1.3))
    assert boxes.numpy().tolist() == [[0, 0, 1, 1]] * 64
    same = random_resized_crop(images, seeds(range(64)), area=(1.0, 1.0))
    np.testing.assert_array_equal(same, images)


def test_photos_are_mirrored_where_flip_mirrors():
    images = color_digits()
    turned = photo(images, seeds(range(64)), area=(1.0, 1.0), color=0.0)
    np.testing.assert_array_equal(turned, flip(images, seeds(range(64))))
    crop = random_resized_crop(images, seeds(range(64)))
    mirrored = photo(images, seeds(range(64)), color=0.0)
    straight = flip(mirrored, seeds(range(64))).numpy().astype(int)
    # read in the other direction, halves may be rounded the other way
    assert np.abs(straight - crop.numpy()).max() <= 1


def test_a_pixel_stays_a_pixel():
    images = tf.constant([[[[7]]], [[[9]]]], tf.uint8)
    found = photo(images, seeds(range(2)), color=0.0)
    np.testing.assert_array_equal(found, images)


def test_no_padding_leaves_images_alone():
    images = color_digits()
    same = shift(images, seeds(range(64)), padding=0)
    np.testing.assert_array_equal(same, images)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"area": (0.0, 1.0)}, "'area' must be from 0.01 to 1, got 0.0"),
        ({"area": (0.5, 0.3)}, "'area' must be from 0.5 to 1, got 0.3"),
        ({"area": (0.5, 1.1)}, "'area' must be from 0.5 to 1, got 1.1"),
        ({"ratio": (0.0, 1.0)}, "'ratio' must be from 0.1 to 10, got 0.0"),
        ({"ratio": (1.0, 11.0)}, "'ratio' must be from 1 to 10, got 11.0"),
    ],
)
def test_settings_out_of_range(settings, message):
    for row in (random_resized_crop, photo):
        with pytest.raises(UserError, match=message):
            row(color_digits(2), seeds(range(2)), **settings)


def test_padding_cannot_be_negative():
    with pytest.raises(UserError, match="'padding' must be at least 0"):
        shift(tf.zeros((1, 4, 4, 1)), seeds([0]), padding=-1)
