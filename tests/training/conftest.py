"""Small real data and models for the training tests."""

import keras
import pytest
import tensorflow as tf

from keras_ptft.data import Loading, load
from keras_ptft.data.pipeline.batching import steps_per_epoch
from keras_ptft.data.pipeline.moments import moments
from keras_ptft.models import BACKBONES
from keras_ptft.objectives.classification import classification
from keras_ptft.objectives.objective import Task
from keras_ptft.registry import lookup
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.optimizers.optimizers import make_optimizer
from keras_ptft.training.training_model import TrainingModel


@pytest.fixture(scope="session")
def digits():
    return load("digits", Loading(image_size=8))


@pytest.fixture(scope="session")
def make_loop(digits):
    """Makes a loop over a fresh, seeded model for the digits."""
    scaling = moments(digits.splits["train"])

    def make(
        backbone="mlp(hidden=[16])",
        optimizer="sgd(momentum=0.9)",
        replicas="auto",
        batch_size=64,
        learning_rate=0.01,
        gradient_accumulation=1,
        **plan,
    ):
        keras.utils.set_random_seed(7)
        objective = classification(Task(digits.label_names))
        chosen = get_strategy(replicas)
        step_size = batch_size * gradient_accumulation
        steps = steps_per_epoch(digits.splits["train"], step_size)
        with chosen.scope():
            row = lookup(BACKBONES, backbone, "backbone")
            body = row(digits.spec, scaling)
            model = objective.assemble(body)
            return TrainingModel(
                model,
                objective,
                optimizer=make_optimizer(
                    optimizer,
                    "constant",
                    learning_rate=learning_rate,
                    total_steps=1000,
                ),
                plan=make_plan(
                    chosen,
                    model,
                    batch_size=batch_size,
                    steps_per_epoch=steps,
                    **plan,
                ),
                steps_per_epoch=steps,
                gradient_accumulation=gradient_accumulation,
            )

    return make


@pytest.fixture(autouse=True)
def quiet_retracing():
    """Many small models a process make TensorFlow warn of retracing."""
    tf.get_logger().setLevel("ERROR")
