"""Small models over the digits, and what they are trained for."""

import dataclasses
from functools import partial

import keras
import numpy as np

from keras_ptft.data import Loading, load
from keras_ptft.data.core.dataset import take
from keras_ptft.data.pipeline.batching import steps_per_epoch, unweighted
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.forward import called
from keras_ptft.training.optimizers import make_optimizer
from keras_ptft.training.training_model import TrainingModel
from keras_ptft.training.tuning import whole


def mlp(hidden=16):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 96, -0.8)(inputs)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(hidden, "relu")(x)
    return keras.Model(inputs, keras.layers.Dense(10, dtype="float32")(x))


def cnn(convolutions=1, dense=8, batch_norm=False, dropout=0.0, l2=0.0):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 96, -0.8)(inputs)
    regularizer = keras.regularizers.L2(l2) if l2 else None
    for number in range(1, convolutions + 1):
        x = keras.layers.Conv2D(
            4, 3, kernel_regularizer=regularizer, name=f"conv{number}"
        )(x)
        if batch_norm:
            x = keras.layers.BatchNormalization(synchronized=True)(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(dense, "relu", kernel_regularizer=regularizer)(x)
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(10, dtype="float32")(x))


STATEFUL_CNN = partial(cnn, batch_norm=True, dropout=0.3)
"""With batch statistics and random seeds beside its weights."""


class Labels:
    """One label an example, by cross-entropy from logits."""

    transform = staticmethod(unweighted)
    run = staticmethod(called)

    def loss(self, targets, outputs):
        return keras.losses.sparse_categorical_crossentropy(
            targets, outputs, from_logits=True
        )

    def metrics(self):
        return [keras.metrics.SparseCategoricalAccuracy("accuracy")]


class DigitAccuracy(keras.metrics.SparseCategoricalAccuracy):
    def update_state(self, targets, outputs, sample_weight=None):
        super().update_state(targets["digit"], outputs["digit"], sample_weight)


class Halves:
    """Two inputs and two targets by name: halves of a digit, and its parity."""

    run = staticmethod(called)

    def transform(self, inputs, labels, seeds):
        inputs = {"top": inputs[:, :4], "bottom": inputs[:, 4:]}
        targets = {"digit": labels, "parity": labels % 2}
        return unweighted(inputs, targets, seeds)

    def loss(self, targets, outputs):
        one, other = (
            keras.losses.sparse_categorical_crossentropy(
                targets[name], outputs[name], from_logits=True
            )
            for name in ("digit", "parity")
        )
        return one + other

    def metrics(self):
        return [DigitAccuracy("accuracy")]


def halves_model():
    """A model for `Halves`, with as many inputs and outputs."""
    inputs = {
        name: keras.Input((4, 8, 1), name=name, dtype="uint8")
        for name in ("top", "bottom")
    }
    x = keras.layers.Concatenate()(
        [
            keras.layers.Flatten()(inputs["top"]),
            keras.layers.Flatten()(inputs["bottom"]),
        ]
    )
    x = keras.layers.Rescaling(1 / 96, -0.8)(x)
    x = keras.layers.Dense(16, "relu")(x)
    outputs = {
        "digit": keras.layers.Dense(10, name="digit")(x),
        "parity": keras.layers.Dense(2, name="parity")(x),
    }
    return keras.Model(inputs, outputs)


def load_digits():
    return load("digits", Loading(image_size=8))


def with_validation(digits):
    """Training and validation, the latter of an odd size: it is padded."""
    return {
        "train": digits.splits["train"],
        "validation": take(digits.splits["test"], np.arange(101)),
    }


def make_training_model(
    digits,
    build=mlp,
    *,
    trainable=None,
    optimizer="sgd(momentum=0.9)",
    replicas="auto",
    learning_rate=0.01,
    resident=False,
    **plan,
):
    """A training model with fresh, seeded weights.

    Args:
        build: makes the model.
        trainable: `Labels` by default.
        resident: whether it gathers its batches itself.
        plan: settings of `make_plan`, gradient_accumulation, ema and
            clipping.
    """
    keras.utils.set_random_seed(7)
    plan = {"batch_size": 64} | plan
    accumulation, ema = plan.pop("gradient_accumulation", 1), plan.pop("ema", 0)
    clipping = plan.pop("clipping", None)
    steps = steps_per_epoch(
        digits.splits["train"], plan["batch_size"] * accumulation
    )
    strategy = get_strategy(replicas)
    with strategy.scope():
        model = build()
        made = make_plan(strategy, model, steps_per_epoch=steps, **plan)
        return TrainingModel(
            model,
            trainable or Labels(),
            optimizer=make_optimizer(
                optimizer,
                "constant",
                learning_rate=learning_rate,
                total_steps=1000,
                ema=ema,
            ),
            plan=dataclasses.replace(made, resident=resident),
            steps_per_epoch=steps,
            tuning=dataclasses.replace(whole(model), clipping=clipping),
            gradient_accumulation=accumulation,
        )


def values_of(training_model):
    """Copies of all variables of the model, seeds and statistics too."""
    return [variable.numpy() for variable in training_model.model.variables]


def largest_difference(first, second):
    pairs = zip(first, second, strict=True)
    # seeds are unsigned
    return max(
        float(np.abs(np.subtract(a, b, dtype=np.float64)).max())
        for a, b in pairs
    )


def timeless(rows):
    """A history without the seconds."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
