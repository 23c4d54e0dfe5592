"""A small model trained on the bundled digits, and its export."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from keras_ptft.serving.export import export

NAMES = tuple("零一二三四五六七八九")


@pytest.fixture(scope="session")
def digits():
    """Images, uint8 of shape (1797, 8, 8, 1), and their labels."""
    bunch = load_digits()
    images = np.round(bunch.images * 255 / 16).astype(np.uint8)
    return images[..., None], bunch.target


@pytest.fixture(scope="session")
def model(digits):
    """A classifier of digits, trained as part of a compiled model."""
    images, labels = digits
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), dtype="uint8", name="image")
    features = keras.layers.Rescaling(1 / 255)(inputs)
    features = keras.layers.Conv2D(16, 3, activation="relu")(features)
    features = keras.layers.BatchNormalization()(features)
    features = keras.layers.Flatten()(features)
    features = keras.layers.Dropout(0.2)(features)
    outputs = keras.layers.Dense(10)(features)
    training = keras.Model(inputs, outputs)
    training.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
    )
    training.fit(images, labels, epochs=5, verbose=0)
    return keras.Model(inputs, outputs)


@pytest.fixture(scope="session")
def logits(model, digits):
    return model(digits[0], training=False).numpy()


@pytest.fixture(scope="session")
def exported(model, digits, tmp_path_factory):
    base = tmp_path_factory.mktemp("saved_models") / "digits"
    return export(model, base, label_names=NAMES, examples=digits[0][:50])
