"""Images and heat maps as a page holds them."""

import numpy as np
import pytest

from keras_ptft.evaluation.report.pictures import (
    heat_source,
    picture_source,
    smaller,
)
from tests.evaluation.report.pages import pictures


def plain(side, channels, value=100):
    return np.full((side, side, channels), value, np.uint8)


@pytest.mark.parametrize(
    "side, channels, kind",
    [
        (8, 1, "png"),
        (63, 3, "png"),
        (64, 1, "jpeg"),
        (64, 2, "jpeg"),
        (64, 3, "jpeg"),
        (64, 4, "png"),
        (64, 5, "jpeg"),
    ],
)
def test_photos_are_stored_as_jpeg(side, channels, kind):
    source = picture_source(plain(side, channels))
    assert source.startswith(f"data:image/{kind};base64,")
    [picture] = pictures(source)
    scale = 255 if kind == "png" else 1
    assert picture.shape[:2] == (side, side)
    np.testing.assert_allclose(picture[1, 1].flat[0] * scale, 100, atol=1.5)


def test_a_photo_takes_little_room():
    ramp = np.arange(128, dtype=np.uint8)
    photo = np.stack(
        np.broadcast_arrays(ramp, ramp[:, None], ramp[50]), axis=-1
    )
    assert len(picture_source(photo)) < 8_000


def test_heat_is_yellow_where_it_is_most():
    heat = np.zeros((2, 2))
    heat[0, 1] = 5.0
    [picture] = pictures(heat_source(plain(64, 3), heat))
    picture = picture.astype(float)
    most, least = picture[4, -4], picture[-4, 4]
    # of viridis the last color is (253, 231, 37), the first (68, 1, 84)
    np.testing.assert_allclose(
        most, 0.75 * np.array([253, 231, 37]) + 25, atol=6
    )
    np.testing.assert_allclose(least, 0.15 * np.array([68, 1, 84]) + 85, atol=6)


@pytest.mark.parametrize(
    "heat",
    [np.zeros((3, 3)), np.full((3, 3), -1.0), np.full((3, 3), np.nan)],
)
def test_what_counts_nothing_stays_grey(heat):
    [picture] = pictures(heat_source(plain(8, 1), heat))
    expected = 0.15 * np.array([68, 1, 84]) + 85
    assert picture.shape == (64, 64, 3)
    assert np.abs(picture - expected).max() < 3


def test_small_images_are_kept_as_they_are():
    assert smaller(plain(128, 3)).shape == (128, 128, 3)
    assert smaller(plain(129, 3)).shape == (64, 64, 3)
