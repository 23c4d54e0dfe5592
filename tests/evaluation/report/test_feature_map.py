"""The picture of features, and what is said of it."""

import base64
import io

import numpy as np
import pytest
from matplotlib.image import imread

from keras_ptft.evaluation.report.feature_map import (
    FeatureMap,
    feature_map_png,
    feature_map_text,
)


def laid_out(classes=3, count=40, **changes):
    generator = np.random.default_rng(0)
    given = {
        "points": generator.normal(size=(count, 2)),
        "variance": (0.5, 0.25),
        "features": 64,
        "total": count,
        "groups": np.arange(count) % max(classes, 1),
        "names": [f"c{n}" for n in range(classes)],
        "wrong": np.arange(count) == 7,
    }
    return FeatureMap(**{**given, **changes})


def drawn(found, color=None):
    """How many pixels have a colour, or any but white."""
    png = base64.b64decode(feature_map_png(found))
    pixels = np.round(imread(io.BytesIO(png), format="png")[..., :3] * 255)
    if color is None:
        return np.count_nonzero((pixels < 255).any(axis=-1))
    return np.count_nonzero((pixels == color).all(axis=-1))


def test_mistakes_have_a_ring():
    ring = (17, 17, 17)
    with_ring = drawn(laid_out(), ring)
    assert with_ring > 20 + drawn(laid_out(wrong=np.zeros(40, bool)), ring)


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": 12, "names": ["猫"] * 12},
        {"classes": 0},
        {"classes": 0, "values": np.arange(40.0), "target": "price"},
        {"classes": 1, "names": ["$x$"]},
    ],
    ids=["many", "sets", "numbers", "hostile"],
)
def test_any_labels_make_a_picture(changes):
    assert drawn(laid_out(**changes)) > 2_000


def test_what_is_shown_is_told():
    text = feature_map_text(laid_out())
    assert text.startswith("The 40 test examples by the 64 features")
    assert "75 % of their variance" in text and "coloured" not in text
    text = feature_map_text(laid_out(classes=12, total=3000))
    assert text.startswith("40 of the 3,000 test examples by")
    assert text.endswith("Of 12 classes the 10 most frequent are coloured.")
