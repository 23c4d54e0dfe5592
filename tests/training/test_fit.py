"""The one training function: right sums, any plan, any replicas."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.core.dataset import take
from keras_ptft.data.pipeline.batching import training_batches
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics.classification import classification_metrics
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.transfer.features import outputs_of


def watched(digits):
    """Validation of an odd size, so that its last batch is padded."""
    return {
        "train": digits.splits["train"],
        "validation": take(digits.splits["test"], np.arange(101)),
    }


def weights_after(loop, splits, epochs=2, **schooling):
    rows = fit(loop, splits, FitConfig(epochs=epochs, **schooling))
    return loop.model.get_weights(), rows


def largest_difference(first, second):
    pairs = zip(first, second, strict=True)
    return max(np.abs(a - b).max() for a, b in pairs)


def test_it_learns_the_digits(make_loop, digits):
    loop = make_loop(learning_rate=0.05)
    rows = fit(loop, watched(digits), FitConfig(epochs=8))
    assert rows[-1]["val_accuracy"] > 0.93
    assert rows[-1]["loss"] < rows[0]["loss"] / 4


def test_validation_scores_are_those_of_every_example(make_loop, digits):
    splits = watched(digits)
    loop = make_loop()
    _, rows = weights_after(loop, splits)
    logits = outputs_of(loop.model, splits["validation"])
    labels = splits["validation"].labels
    names = list(digits.label_names)
    expected = classification_metrics(labels, logits, names)
    assert rows[-1]["val_loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert rows[-1]["val_accuracy"] == pytest.approx(expected["accuracy"])


def test_one_step_is_the_gradient_of_the_mean_loss(make_loop, digits):
    loop = make_loop(
        optimizer="sgd", batch_size=64, learning_rate=0.5, backbone="mlp"
    )
    twin = keras.models.clone_model(loop.model)
    twin.set_weights(loop.model.get_weights())
    batches = training_batches(
        digits.splits["train"],
        loop.objective.transform,
        batch_size=64,
        seed=0,
    )
    inputs, targets, _ = next(iter(batches))
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
            targets, twin(inputs, training=True)
        )
    values = [v.value for v in twin.trainable_variables]
    gradients = tape.gradient(loss, values)

    loop.steps_per_epoch = 1
    fit(loop, {"train": digits.splits["train"]}, FitConfig(epochs=1))
    for value, gradient, found in zip(
        values, gradients, loop.model.trainable_variables, strict=True
    ):
        expected = value.numpy() - 0.5 * gradient.numpy()
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("replicas", "plan"),
    [
        ("auto", {"steps_per_execution": 1}),
        ("auto", {"jit_compile": "true"}),
        ("one_device", {"steps_per_execution": 5}),
        ("mirrored", {"steps_per_execution": 5}),
        ("mirrored", {"jit_compile": "true"}),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "backbone", ["mlp", "cnn(filters=[4, 4], dense=8, l2=0.01)"]
)
def test_every_plan_trains_the_same_weights(
    make_loop, digits, plan, replicas, backbone
):
    splits = watched(digits)
    plain = make_loop(backbone, jit_compile="false")
    expected, expected_rows = weights_after(plain, splits)
    loop = make_loop(backbone, replicas=replicas, **plan)
    found, rows = weights_after(loop, splits)
    assert loop.plan.replicas == (2 if replicas == "mirrored" else 1)
    assert loop.step.numpy() == 2 * loop.steps_per_epoch
    assert largest_difference(expected, found) < 1e-5
    for row, other in zip(expected_rows, rows, strict=True):
        for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
            assert row[name] == pytest.approx(other[name], rel=1e-5)


def test_batch_statistics_are_those_of_all_replicas(make_loop, digits):
    backbone = "cnn(filters=[4], pool=1, dense=8, batch_norm=True)"
    splits = watched(digits)
    one, _ = weights_after(make_loop(backbone), splits, epochs=1)
    two, _ = weights_after(
        make_loop(backbone, replicas="mirrored"), splits, epochs=1
    )
    assert largest_difference(one, two) < 1e-5


def test_class_weights_on_two_replicas(make_loop, digits):
    splits = {"train": digits.splits["train"]}
    weights = np.linspace(0.1, 3, 10, dtype=np.float32)
    one, rows = weights_after(make_loop(), splits, class_weights=weights)
    two, _ = weights_after(
        make_loop(replicas="mirrored"), splits, class_weights=weights
    )
    plain, _ = weights_after(make_loop(), splits)
    assert "val_loss" not in rows[0]
    assert largest_difference(one, two) < 1e-5
    assert largest_difference(one, plain) > 1e-3


@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
@pytest.mark.parametrize(
    "jit_compile", ["false", pytest.param("true", marks=pytest.mark.slow)]
)
def test_accumulated_gradients_are_those_of_a_larger_batch(
    make_loop, digits, replicas, jit_compile
):
    splits = watched(digits)
    backbone = "cnn(filters=[4, 4], dense=8, l2=0.01)"
    large = make_loop(backbone, batch_size=64)
    expected, expected_rows = weights_after(large, splits, batch_size=64)
    small = make_loop(
        backbone,
        batch_size=16,
        gradient_accumulation=4,
        replicas=replicas,
        jit_compile=jit_compile,
    )
    found, rows = weights_after(
        small, splits, batch_size=16, gradient_accumulation=4
    )
    assert small.step.numpy() == large.step.numpy()
    assert largest_difference(expected, found) < 1e-5
    for row, other in zip(expected_rows, rows, strict=True):
        for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
            assert row[name] == pytest.approx(other[name], rel=1e-5)


def test_the_same_seed_gives_the_same_bits(make_loop, digits):
    backbone = "cnn(filters=[4], dense=8, dropout=0.3)"
    runs = [
        weights_after(make_loop(backbone), watched(digits), seed=seed)[0]
        for seed in (1, 1, 2)
    ]
    assert largest_difference(runs[0], runs[1]) == 0
    assert largest_difference(runs[0], runs[2]) > 0


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_keeps_float32_weights_and_logits(
    make_loop, digits, precision
):
    keras.config.set_dtype_policy(precision)
    try:
        loop = make_loop("cnn(filters=[4], dense=8)", learning_rate=0.02)
        _, rows = weights_after(loop, watched(digits), epochs=4)
    finally:
        keras.config.set_dtype_policy("float32")
    assert loop.model.get_layer("conv1_conv").compute_dtype == precision[6:]
    assert loop.model.get_layer("conv1_conv").kernel.dtype == "float32"
    assert loop.model.outputs[0].dtype == "float32"
    assert rows[-1]["val_accuracy"] > 0.6


def test_early_stopping_keeps_the_best_weights(make_loop, digits):
    splits = watched(digits)
    loop = make_loop(learning_rate=0.8)
    found, rows = weights_after(
        loop, splits, epochs=30, early_stopping_patience=2
    )
    losses = [row["val_loss"] for row in rows]
    best = int(np.argmin(losses))
    assert len(rows) == best + 3 < 30
    again, _ = weights_after(make_loop(learning_rate=0.8), splits, best + 1)
    assert largest_difference(found, again) == 0


def test_early_stopping_needs_something_to_watch(make_loop, digits):
    with pytest.raises(UserError, match="set --validation_fraction"):
        fit(
            make_loop(),
            {"train": digits.splits["train"]},
            FitConfig(early_stopping_patience=1),
        )


@pytest.mark.parametrize("replicas", ["auto", "mirrored"])
def test_a_loss_that_is_not_finite_names_its_step(digits, make_loop, replicas):
    loop = make_loop(learning_rate=1e30, replicas=replicas)
    with pytest.raises(UserError, match=r"step [12] \(epoch 1\): lower"):
        fit(loop, watched(digits), FitConfig(epochs=2))


def test_history_is_written(make_loop, digits, tmp_path):
    rows = fit(
        make_loop(), watched(digits), FitConfig(epochs=2), folder=tmp_path
    )
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


def test_one_line_an_epoch_when_not_a_terminal(make_loop, digits, capsys):
    fit(make_loop(), watched(digits), FitConfig(epochs=2))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2  ")
    assert "val_accuracy 0." in lines[1]
