"""Occlusion of linear models, whose losses are worked by hand."""

import keras
import numpy as np
from keras import layers

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.explanation.occlusion import (
    occluded_patches,
    replaced_columns,
)
from tests.explanation.models import images, network, subject


def test_a_patch_loses_what_its_pixels_add():
    model = network(layers.Flatten(), side=14)
    weights = np.random.default_rng(0).normal(size=(196, 2))
    model.get_layer("logits").set_weights([weights, np.ones(2)])
    source = images(1, side=14)
    explain, passes = occluded_patches(subject(model, source))
    found = explain(source.gather([0]), 1)
    image = source.gather([0]).numpy()[0, ..., 0].astype(float)
    added = (
        (image - np.round(image.mean())) / 255 * weights[:, 1].reshape(14, 14)
    )
    expected = added.reshape(7, 2, 7, 2).sum(axis=(1, 3))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert passes == 50


def test_small_and_uneven_images_are_covered_whole():
    source = images(1, side=5)
    model = network(layers.Flatten(), side=5)
    found = occluded_patches(subject(model, source)).explain(
        source.gather([0]), 0
    )
    assert found.shape == (5, 5)
    source = images(1, side=17, channels=3)
    model = network(layers.Flatten(), side=17, channels=3)
    # each pixel lies under one patch
    weights = np.zeros((17 * 17 * 3, 2))
    weights[:, 0] = 1
    model.get_layer("logits").set_weights([weights, np.zeros(2)])
    found = occluded_patches(subject(model, source)).explain(
        source.gather([0]), 0
    )
    image = source.gather([0]).numpy()[0].astype(float)
    color = np.round(image.mean(axis=(0, 1)))
    np.testing.assert_allclose(
        found.sum(), ((image - color) / 255).sum(), atol=1e-3
    )


def test_a_column_loses_its_distance_from_the_mean():
    rows = np.array([[1, 10, 5], [3, 30, 5]], np.float32)
    source = ArraySource(rows, [0, 1], name="vector")
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(2, name="logits")(inputs))
    weights = np.array([[1.0, 2.0], [0.5, -0.25], [7.0, 7.0]])
    model.get_layer("logits").set_weights([weights, np.ones(2)])
    explain, passes = replaced_columns(subject(model, source))
    # the means are 2, 20 and 5
    found = explain(source.gather([0]), 1)
    np.testing.assert_allclose(found, [-2.0, 2.5, 0.0], atol=1e-6)
    assert passes == 4


def test_each_is_for_its_own_kind_of_input():
    rows = ArraySource(np.eye(3, dtype=np.float32), [0, 1, 0], name="vector")
    model = network(layers.Flatten())
    assert occluded_patches(subject(model, rows)) is None
    assert replaced_columns(subject(model, images())) is None
    waves = ArraySource(np.ones((2, 4, 3), np.float32), [0, 1], name="array")
    assert occluded_patches(subject(model, waves)) is None
    assert replaced_columns(subject(model, waves)) is None
