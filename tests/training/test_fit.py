"""The one training function: right sums, any plan, any replicas."""

import csv
from functools import cache, partial

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.training.fit import FitConfig, fit, training_batches
from keras_ptft.training.forward import outputs_of
from tests.training.small import cnn, largest_difference, mlp

REGULARIZED = partial(cnn, convolutions=2, l2=0.01)


def weights_after(model, splits, epochs=2, **settings):
    rows = fit(model, splits, FitConfig(epochs=epochs, **settings))
    return model.model.get_weights(), rows


@pytest.fixture(scope="module")
def plainly(make_model, splits):
    """(build) → a model after two plain epochs, its weights and rows."""

    @cache
    def trained(build):
        model = make_model(build, jit_compile="false")
        return model, *weights_after(model, splits)

    return trained


def assert_same_scores(rows, others):
    for row, other in zip(rows, others, strict=True):
        for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
            assert row[name] == pytest.approx(other[name], rel=1e-5)


def test_it_learns_the_digits(make_model, splits):
    rows = fit(make_model(learning_rate=0.05), splits, FitConfig(epochs=8))
    assert rows[-1]["val_accuracy"] > 0.93
    assert rows[-1]["loss"] < rows[0]["loss"] / 4


def test_validation_scores_are_those_of_every_example(make_model, splits):
    model = make_model()
    _, rows = weights_after(model, splits)
    logits = outputs_of(model.model, splits["validation"])
    labels = splits["validation"].labels
    losses = -scipy.special.log_softmax(logits, axis=1)
    loss = losses[np.arange(101), labels].mean()
    accuracy = (logits.argmax(axis=1) == labels).mean()
    assert rows[-1]["val_loss"] == pytest.approx(loss, rel=1e-5)
    assert rows[-1]["val_accuracy"] == pytest.approx(accuracy)


def test_one_step_is_the_gradient_of_the_mean_loss(make_model, splits):
    model = make_model(optimizer="sgd", learning_rate=0.5)
    twin = keras.models.clone_model(model.model)
    twin.set_weights(model.model.get_weights())
    batches = training_batches(splits["train"], model.objective, FitConfig())
    inputs, targets, _ = next(iter(batches))
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
            targets, twin(inputs, training=True)
        )
    values = [v.value for v in twin.trainable_variables]
    gradients = tape.gradient(loss, values)

    model.steps_per_epoch = 1
    fit(model, {"train": splits["train"]}, FitConfig(epochs=1))
    for value, gradient, found in zip(
        values, gradients, model.model.trainable_variables, strict=True
    ):
        expected = value.numpy() - 0.5 * gradient.numpy()
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("replicas", "plan"),
    [
        ("auto", {"steps_per_execution": 1}),
        ("auto", {"jit_compile": "true"}),
        ("one_device", {"steps_per_execution": 5}),
        pytest.param(
            "mirrored", {"steps_per_execution": 5}, marks=pytest.mark.slow
        ),
        pytest.param(
            "mirrored", {"jit_compile": "true"}, marks=pytest.mark.slow
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("build", [mlp, REGULARIZED], ids=["mlp", "cnn"])
def test_every_plan_trains_the_same_weights(
    make_model, splits, plainly, plan, replicas, build
):
    _, expected, expected_rows = plainly(build)
    model = make_model(build, replicas=replicas, **plan)
    found, rows = weights_after(model, splits)
    assert model.plan.replicas == (2 if replicas == "mirrored" else 1)
    assert model.step.numpy() == 2 * model.steps_per_epoch
    assert largest_difference(expected, found) < 1e-5
    assert_same_scores(expected_rows, rows)


def test_batch_statistics_are_those_of_all_replicas(make_model, splits):
    build = partial(cnn, batch_norm=True)
    one, _ = weights_after(make_model(build), splits, epochs=1)
    two, _ = weights_after(
        make_model(build, replicas="mirrored"), splits, epochs=1
    )
    assert largest_difference(one, two) < 1e-5


def test_class_weights_on_two_replicas(make_model, splits):
    splits = {"train": splits["train"]}
    weights = np.linspace(0.1, 3, 10, dtype=np.float32)
    one, rows = weights_after(make_model(), splits, class_weights=weights)
    two, _ = weights_after(
        make_model(replicas="mirrored"), splits, class_weights=weights
    )
    plain, _ = weights_after(make_model(), splits)
    assert "val_loss" not in rows[0]
    assert largest_difference(one, two) < 1e-5
    assert largest_difference(one, plain) > 1e-3


@pytest.mark.parametrize(
    "replicas", ["auto", pytest.param("mirrored", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    "jit_compile", ["false", pytest.param("true", marks=pytest.mark.slow)]
)
def test_accumulated_gradients_are_those_of_a_larger_batch(
    make_model, splits, plainly, replicas, jit_compile
):
    large, expected, expected_rows = plainly(REGULARIZED)
    accumulation = {"batch_size": 16, "gradient_accumulation": 4}
    small = make_model(
        REGULARIZED, replicas=replicas, jit_compile=jit_compile, **accumulation
    )
    found, rows = weights_after(small, splits, **accumulation)
    assert small.step.numpy() == large.step.numpy()
    assert largest_difference(expected, found) < 1e-5
    assert_same_scores(expected_rows, rows)


def test_the_same_seed_gives_the_same_bits(make_model, splits):
    build = partial(cnn, dropout=0.3)
    runs = [
        weights_after(make_model(build), splits, seed=seed)[0]
        for seed in (1, 1, 2)
    ]
    assert largest_difference(runs[0], runs[1]) == 0
    assert largest_difference(runs[0], runs[2]) > 0


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_float32_weights_and_logits(
    make_model, splits, precision
):
    keras.config.set_dtype_policy(precision)
    try:
        model = make_model(cnn, learning_rate=0.05)
        _, rows = weights_after(model, splits, epochs=4)
    finally:
        keras.config.set_dtype_policy("float32")
    layer = model.model.get_layer("conv1")
    assert layer.compute_dtype == precision.removeprefix("mixed_")
    assert layer.kernel.dtype == "float32"
    assert model.model.outputs[0].dtype == "float32"
    assert rows[-1]["val_accuracy"] > 0.6


def test_early_stopping_keeps_the_best_weights(make_model, splits):
    found, rows = weights_after(
        make_model(learning_rate=0.8),
        splits,
        epochs=30,
        early_stopping_patience=2,
    )
    losses = [row["val_loss"] for row in rows]
    best = int(np.argmin(losses))
    assert len(rows) == best + 3 < 30
    again, _ = weights_after(make_model(learning_rate=0.8), splits, best + 1)
    assert largest_difference(found, again) == 0


def test_early_stopping_needs_something_to_watch(make_model, splits):
    splits = {"train": splits["train"]}
    with pytest.raises(UserError, match="set --validation_fraction"):
        fit(make_model(), splits, FitConfig(early_stopping_patience=1))


@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
def test_a_loss_that_is_not_finite_names_its_step(splits, make_model, replicas):
    model = make_model(learning_rate=1e30, replicas=replicas)
    with pytest.raises(UserError, match=r"step [12] \(epoch 1\): lower"):
        fit(model, splits, FitConfig(epochs=2))


def test_history_is_written(make_model, splits, tmp_path):
    rows = fit(make_model(), splits, FitConfig(epochs=2), folder=tmp_path)
    with (tmp_path / "history.csv").open() as file:
        written = list(csv.DictReader(file))
    assert [float(r["val_loss"]) for r in written] == [
        r["val_loss"] for r in rows
    ]
    assert [r["epoch"] for r in written] == ["1", "2"]
    assert float(written[0]["learning_rate"]) == pytest.approx(0.01)
    (events,) = (tmp_path / "tensorboard").iterdir()
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    }
    assert {"loss", "val_loss", "accuracy", "learning_rate"} <= tags


def test_one_line_an_epoch_when_not_a_terminal(make_model, splits, capsys):
    fit(make_model(), splits, FitConfig(epochs=2))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2  ")
    assert "val_accuracy 0." in lines[1]
