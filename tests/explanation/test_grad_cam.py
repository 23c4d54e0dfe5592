"""Grad-CAM against its equations."""

import numpy as np
from keras import layers

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.explanation.grad_cam import grad_cam
from tests.explanation.models import network, subject


def test_maps_are_weighted_by_the_slopes_of_the_logit():
    body = layers.Conv2D(2, 1, name="maps"), layers.GlobalAveragePooling2D()
    model = network(*body, side=4)
    # the first map is the image, the second twice the image less one half
    model.get_layer("maps").set_weights(
        [np.array([[[[1.0, 2.0]]]]), np.array([0.0, -0.5])]
    )
    head = np.array([[3.0, -1.0], [-1.0, 2.0]])
    model.get_layer("logits").set_weights([head, np.zeros(2)])
    pixels = np.arange(0, 255, 16, np.uint8).reshape(1, 4, 4, 1)
    source = ArraySource(pixels, [0])
    explain, passes = grad_cam(subject(model, source))
    shares = pixels[0, ..., 0] / 255
    # a slope is the weight of the head, over 16 places
    expected = (3 * shares - (2 * shares - 0.5)) / 16
    found = explain(source.gather([0]), 0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    # what is negative is 0
    expected = np.maximum(-shares + 2 * (2 * shares - 0.5), 0) / 16
    found = explain(source.gather([0]), 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert (found == 0).any() and passes == 3


def test_it_finds_where_the_evidence_is():
    model = network(
        layers.Conv2D(1, 3, padding="same", name="maps"), layers.Flatten()
    )
    model.get_layer("maps").set_weights([np.ones((3, 3, 1, 1)), np.zeros(1)])
    pixels = np.zeros((1, 8, 8, 1), np.uint8)
    pixels[0, 1:4, 5:8] = 255
    source = ArraySource(pixels, [0])
    model.get_layer("logits").set_weights([np.ones((64, 2)), np.zeros(2)])
    found = grad_cam(subject(model, source)).explain(source.gather([0]), 1)
    assert np.unravel_index(found.argmax(), found.shape) == (2, 6)
    assert found[5:, :4].max() == 0


def test_rows_of_numbers_have_no_places():
    source = ArraySource(np.eye(3, dtype=np.float32), [0, 1, 0], name="vector")
    assert grad_cam(subject(network(layers.Flatten()), source)) is None
