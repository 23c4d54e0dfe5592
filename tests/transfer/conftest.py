"""Backbones with everything that could move while it is frozen."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import Loading, load
from keras_ptft.models import BACKBONES, heads
from keras_ptft.registry import lookup

SPEC = tf.TensorSpec((8, 8, 1), tf.uint8, "image")


@pytest.fixture(scope="session")
def digits():
    return load("digits", Loading(image_size=8))


@pytest.fixture
def make_backbone():
    def make(spec="cnn(filters=[4, 6], dense=5)", seed=0):
        keras.utils.set_random_seed(seed)
        scaling = np.array([70.0]), np.array([9000.0])
        return lookup(BACKBONES, spec, "backbone")(SPEC, scaling)

    return make


@pytest.fixture
def make_model(make_backbone):
    def make(spec="cnn(filters=[4, 6], dense=5)", seed=0):
        backbone = make_backbone(spec, seed)
        logits = heads.classify(backbone.output, 10)
        return keras.Model(backbone.input, logits), backbone

    return make


@pytest.fixture(autouse=True)
def quiet_retracing():
    """Many small models a process make TensorFlow warn of retracing."""
    tf.get_logger().setLevel("ERROR")
