"""Scaling by the training split, by fixed numbers, or not at all."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models.normalization import NORMALIZATIONS
from keras_ptft.registry import lookup

IMAGE = tf.TensorSpec((2, 2, 3), tf.uint8, "image")
VECTOR = tf.TensorSpec((3,), tf.float32, "vector")


def scale(text, spec, moments=None):
    row = lookup(NORMALIZATIONS, text, "normalization")
    return row(spec, lambda: moments)


CASES = {
    "dataset": ("dataset", VECTOR, [1.0, 2.0, 3.0], [4.0, 1.0, 9.0]),
    "fixed": (
        "fixed(mean=0.1307, std=0.3081)",
        IMAGE,
        [33.3285] * 3,
        [(0.3081 * 255) ** 2] * 3,
    ),
    "unit": ("unit", IMAGE, [0.0] * 3, [255.0**2] * 3),
    "none": ("none", IMAGE, [0.0] * 3, [1.0] * 3),
}


def test_every_row_has_a_case():
    assert set(CASES) == set(NORMALIZATIONS)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_mean_and_variance_in_raw_units(name):
    text, spec, mean, variance = CASES[name]
    # the second column never varies
    moments = np.array([1.0, 2.0, 3.0]), np.array([4.0, 0.0, 9.0])
    found = scale(text, spec, moments)
    np.testing.assert_allclose(found[0], mean)
    np.testing.assert_allclose(found[1], variance)


def test_floats_are_taken_in_raw_units():
    mean, variance = scale("fixed(mean=[1, 2, 3], std=2)", VECTOR)
    np.testing.assert_allclose(mean, [1, 2, 3])
    np.testing.assert_allclose(variance, [4, 4, 4])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fixed", "missing a required argument: 'mean'"),
        ("fixed(mean=[1.0, 2.0], std=1.0)", "one number or 3"),
        ("fixed(mean=0.0, std=0.0)", "'std' .* above 0"),
        ("fixd(mean=0.0, std=1.0)", 'did you mean "fixed"'),
    ],
)
def test_impossible_settings(text, message):
    with pytest.raises(UserError, match=message):
        scale(text, IMAGE)
