"""Images of another size, for a model that was trained already."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.images.resize import resize_images
from keras_ptft.models.other_images import for_images, takes_images


def model(channels=3):
    image = keras.Input((6, 6, channels), dtype="uint8", name="image")
    return keras.Model(image, keras.layers.Rescaling(0.5)(image))


@pytest.mark.parametrize(("size", "channels"), [(4, 3), (9, 3), (9, 1), (6, 1)])
def test_they_are_resized_as_files_are(size, channels):
    spec = tf.TensorSpec((size, size, channels), tf.uint8, "image")
    images = np.random.default_rng(0).integers(0, 256, (5, *spec.shape))
    images = images.astype(np.uint8)
    found = for_images(model(), spec)(images)
    expected = np.repeat(resize_images(images, 6), 3 // channels, axis=-1)
    np.testing.assert_array_equal(found, expected / 2)


def test_it_has_the_weights_of_the_model():
    image = keras.Input((6, 6, 1), dtype="uint8", name="image")
    x = keras.layers.Flatten()(keras.layers.Rescaling(0.1)(image))
    given = keras.Model(image, keras.layers.Dense(2)(x))
    other = for_images(given, tf.TensorSpec((4, 4, 1), tf.uint8, "image"))
    for one, same in zip(given.weights, other.weights, strict=True):
        assert one is same


@pytest.mark.parametrize(
    ("shape", "dtype", "takes"),
    [
        ((9, 9, 3), tf.uint8, True),
        ((9, 9, 1), tf.uint8, True),
        ((9, 9, 3), tf.float32, False),
        ((27,), tf.uint8, False),
    ],
)
def test_what_it_takes(shape, dtype, takes):
    assert takes_images(model(), tf.TensorSpec(shape, dtype)) is takes
    grey = tf.TensorSpec((9, 9, 3), tf.uint8)
    assert not takes_images(model(channels=1), grey)
