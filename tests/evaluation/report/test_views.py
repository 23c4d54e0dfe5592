"""Training images in a report."""

import numpy as np
import pytest

from keras_ptft.evaluation.report.report import DataFindings
from keras_ptft.evaluation.report.views import (
    ShownExample,
    View,
    label_texts,
    view_grid,
)
from tests.evaluation.report.pages import pictures, report, words


def image(height, width=None, channels=3, seed=0):
    shape = (height, width or height, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_labels_as_a_reader_reads_them():
    names = ["cat", "<b>", "猫"]
    assert label_texts(np.array([2, 0]), names) == ["猫", "cat"]
    assert label_texts(np.array([0, 0]), ()) == ["", ""]
    shares = np.array([[0.25, 0, 0.75], [0.004, 0.996, 0], [0, 1, 1]])
    assert label_texts(shares, names) == ["75 % 猫, 25 % cat", "<b>", "<b>, 猫"]
    assert label_texts(np.array([0.5, 12345.678]), ()) == ["0.5", "1.235e+04"]


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_a_page_shows_each_image_with_its_views(tmp_path, channels):
    originals = [image(8, channels=channels, seed=n) for n in range(2)]
    examples = [
        ShownExample(
            View(one, f"<i>{n}"), [View(255 - one, "90 % a, 10 % b")] * 3
        )
        for n, one in enumerate(originals)
    ]
    data = DataFindings({"near": None}, shown=examples)
    page = report(tmp_path / "report.html", ["a", "b"], data=data)
    row = "90 % a, 10 % b " * 3
    assert f"as it is <i>0 {row}as it is <i>1 {row}" in words(page)
    assert "repeat(4, 1fr)" in page and "<i>0" not in page
    assert "What the model learns from" not in page
    shown = pictures(page)[-8:]
    if channels in (3, 4):
        for picture, expected in zip(shown[::4], originals, strict=True):
            found = np.round(picture * 255)[..., :channels]
            np.testing.assert_array_equal(found, expected)


def test_large_images_are_made_smaller():
    # no noise, which a photo would lose
    slope = np.arange(500, dtype=np.uint8)[None, :, None] // 2
    large = View(np.tile(slope, (300, 1, 3)), "")
    [[original, small]] = view_grid(
        [ShownExample(large, [View(image(63), "")])]
    ).rows
    assert not original["small"] and small["small"]
    # blocks of 4×4 pixels, so that 128 is not passed
    assert original["source"].startswith("data:image/jpeg;base64,")
    [picture] = pictures(original["source"])
    assert picture.shape[:2] == (75, 125)
    block = large.image[4:8, 8:12].mean((0, 1))
    np.testing.assert_allclose(picture[1, 2, :3], block, atol=3)


def test_a_line_of_pixels_stays():
    [[only]] = view_grid([ShownExample(View(image(1, 500), ""), [])]).rows
    [picture] = pictures(only["source"])
    assert picture.shape[:2] == (1, 500)


def test_runs_without_changes_show_none(tmp_path):
    page = report(tmp_path / "a.html", ["a"], data=DataFindings({"near": None}))
    assert "as they are shown" not in page


@pytest.mark.parametrize(
    "examples, views, columns",
    [(8, 2, 6), (8, 1, 6), (8, 8, 9), (1, 1, 2), (8, 3, 4)],
)
def test_few_pictures_an_example_stand_side_by_side(examples, views, columns):
    one = View(image(8), "")
    grid = view_grid([ShownExample(one, [one] * views)] * examples)
    assert grid.columns == columns and columns % (1 + views) == 0
    assert [len(row) for row in grid.rows] == [1 + views] * examples


def test_what_an_objective_makes_has_a_place_of_its_own(tmp_path):
    one = View(image(8), "cat")
    shown = [ShownExample(one, [View(image(8), "view 1")])]
    data = DataFindings({"near": None}, pictured=shown)
    page = report(tmp_path / "report.html", ["a", "b"], data=data)
    assert "as it is cat view 1" in words(page)
    assert "What the model learns from" in page
    assert "as they are shown" not in page
