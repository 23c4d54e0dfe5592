"""The average of the steps, by hand and in a training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.optimizers import make_optimizer
from keras_ptft.training.optimizers.schedule_free import ScheduleFreeAdamW
from tests.training.small import largest_difference, values_of


def steps(optimizer, gradients, value=1.0, name="kernel"):
    """A weight as it is trained and as it is scored, after each step."""
    weight = keras.Variable(value, name=name)
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [weight])
        trained = float(weight)
        optimizer.finalize_variable_values([weight])
        yield trained, float(weight)
        weight.assign(trained)


def test_by_hand():
    # z is 0.9, 0.8, 0.7; x is the mean of the first, two, three of them; and
    # y is 0.9 x + 0.1 z
    found = list(steps(ScheduleFreeAdamW(0.1), [1.0, 1.0, 1.0]))
    expected = [(0.9, 0.9), (0.845, 0.85), (0.79, 0.8)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_warm_up_weights_its_steps():
    # learning rates 0.05, 0.1, 0.1: z is 0.95, 0.85, 0.75; their weights
    # are 1, 4, 4
    optimizer = ScheduleFreeAdamW(0.1, warmup_steps=2)
    found = [scored for _, scored in steps(optimizer, [1.0, 1.0, 1.0])]
    second = (0.95 + 4 * 0.85) / 5
    third = (0.95 + 4 * 0.85 + 4 * 0.75) / 9
    np.testing.assert_allclose(found, [0.95, second, third], rtol=1e-5)


def test_decay_moves_the_steps():
    # z is 0.95; then 0.95 - 0.1 * 0.5 * 0.95, and x is the mean of both
    optimizer = ScheduleFreeAdamW(0.1, weight_decay=0.5)
    found = [scored for _, scored in steps(optimizer, [0.0, 0.0])]
    np.testing.assert_allclose(found, [0.95, 0.92625], rtol=1e-5)


def test_it_starts_from_the_weights_that_it_finds():
    weight = keras.Variable(5.0)
    optimizer = ScheduleFreeAdamW(0.1)
    optimizer.build([weight])
    weight.assign(1.0)
    optimizer.apply([tf.constant(1.0)], [weight])
    optimizer.finalize_variable_values([weight])
    assert float(weight) == pytest.approx(0.9)


def test_gradients_of_some_rows():
    """An embedding's gradient says nothing of most rows."""
    tables = []
    slices = tf.IndexedSlices(tf.ones((1, 2)), tf.constant([1]), (3, 2))
    for gradient in (slices, tf.convert_to_tensor(slices)):
        table = keras.Variable(np.ones((3, 2)), dtype="float32")
        optimizer = ScheduleFreeAdamW(0.1)
        for _ in range(3):
            optimizer.apply([gradient], [table])
        tables.append(table.numpy())
    np.testing.assert_array_equal(*tables)
    assert (tables[0][1] < 1).all() and (tables[0][0] == 1).all()


def test_it_survives_its_configuration():
    made = make_optimizer(
        "schedule_free_adamw(warmup_steps=3, beta_1=0.8)",
        "constant",
        learning_rate=0.25,
        total_steps=10,
    )
    again = ScheduleFreeAdamW.from_config(made.get_config())
    assert again.get_config() == made.get_config()
    assert (again.warmup_steps, float(again.learning_rate)) == (3, 0.25)


@pytest.mark.parametrize(
    "replicas", ["auto", pytest.param("mirrored", marks=pytest.mark.slow)]
)
def test_what_is_scored_is_what_is_left_in_the_model(
    make_model, splits, replicas
):
    model = make_model(
        optimizer="schedule_free_adamw", replicas=replicas, learning_rate=0.03
    )
    rows = fit(model, splits, FitConfig(epochs=2))
    assert rows[-1]["val_accuracy"] > 0.8
    optimizer = model.optimizer
    averages = [v.numpy() for v in optimizer._model_variables_moving_average]
    assert largest_difference(values_of(model), averages) == 0
    validation = splits["validation"]
    images = validation.gather(tf.range(len(validation), dtype=tf.int64))
    found = model.model(images).numpy().argmax(-1)
    score = np.mean(found == validation.labels)
    assert score == pytest.approx(rows[-1]["val_accuracy"])
