"""Backbones with everything that could move while it is frozen."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data import Loading, load
from keras_ptft.models import BACKBONES, heads
from keras_ptft.models.backbone_input import BackboneInput
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
        return lookup(BACKBONES, spec, "backbone")(BackboneInput(SPEC, scaling))

    return make


@pytest.fixture
def make_model(make_backbone):
    def make(spec="cnn(filters=[4, 6], dense=5)", seed=0):
        backbone = make_backbone(spec, seed)
        head = partial(heads.classify, classes=10)
        return heads.attach_head(backbone, "features", head), backbone

    return make


@pytest.fixture(autouse=True)
def quiet_retracing():
    """Keeps TensorFlow from warning of many small models in a process."""
    tf.get_logger().setLevel("ERROR")
