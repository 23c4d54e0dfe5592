"""What the training tests share."""

from functools import partial

import pytest
import tensorflow as tf

from tests.training import small


@pytest.fixture(scope="session")
def digits():
    return small.load_digits()


@pytest.fixture(scope="session")
def splits(digits):
    return small.with_validation(digits)


@pytest.fixture(scope="session")
def make_model(digits):
    """Makes a training model over fresh, seeded weights for the digits."""
    return partial(small.make_training_model, digits)


@pytest.fixture(autouse=True)
def quiet_retracing():
    """Many small models a process make TensorFlow warn of retracing."""
    tf.get_logger().setLevel("ERROR")
