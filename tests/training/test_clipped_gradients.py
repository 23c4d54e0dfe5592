"""Clipping and noise, against numbers by hand and one example at a time."""

import dataclasses
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.pipeline.poisson import Poisson
from keras_ptft.data.pipeline.showing import Showing
from keras_ptft.errors import UserError
from keras_ptft.training.checkpointing.store import Checkpoints, Interval
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.fit import FitConfig, fit
from keras_ptft.training.gradients import Learner, mean_or_private
from keras_ptft.training.tuning import Clipping, whole
from tests.training.small import (
    Labels,
    cnn,
    largest_difference,
    mlp,
    timeless,
    values_of,
)

NOISELESS = Clipping(clip=1.0, noise_multiplier=0.0, batch_size=4, key=(1, 2))


class Squares(Labels):
    """Half of the squared error of one number."""

    def loss(self, targets, outputs):
        return tf.square(outputs[:, 0] - tf.cast(targets, tf.float32)) / 2


def convolutions(first=5, stride=2):
    """Of each way in which a kernel's norm is computed."""
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 16)(inputs)
    # 16 positions, and 9 times as many numbers as a kernel has inputs
    x = keras.layers.Conv2D(first, 3, strides=stride, padding="same")(x)
    x = keras.layers.Activation("tanh")(x)
    x = keras.layers.MaxPooling2D(2, strides=1)(x)
    # 4 positions: fewer pairs of them than numbers of the kernel
    x = keras.layers.Conv2D(6, 2, dilation_rate=1, use_bias=False)(x)
    x = keras.layers.Activation("tanh")(x)
    x = keras.layers.Dense(5)(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(10)(x))


def texts():
    """Embedded words, of which some come twice in a text."""
    inputs = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(9, 4)(inputs)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def rule_of(model, objective=None, clipping=NOISELESS, **tuning):
    tuning = {"variables": model.trainable_variables, **tuning}
    learner = Learner(
        model=model,
        forward=partial(model, training=True),
        objective=objective or Labels(),
        tuning=dataclasses.replace(whole(model), clipping=clipping, **tuning),
        replicas=1,
        accumulation=1,
        scale_loss=tf.identity,
    )
    return mean_or_private(learner)


def one_by_one(model, batch, clip, *, variables=None):
    """The sum of clipped gradients by NumPy, an example after the other."""
    variables = variables or model.trainable_variables
    total = [np.zeros(v.shape) for v in variables]
    factors = []
    for x, y, weight in zip(*batch, strict=True):
        with tf.GradientTape() as tape:
            outputs = model(x[None], training=True)
            loss = Labels().loss(y[None], outputs)[0] * weight
        found = tape.gradient(loss, [v.value for v in variables])
        found = [tf.convert_to_tensor(g).numpy() for g in found]
        norm = np.sqrt(sum(np.sum(np.float64(g) ** 2) for g in found))
        factors.append(min(1.0, clip / norm) if norm else 1.0)
        total = [t + factors[-1] * g for t, g in zip(total, found, strict=True)]
    # the clip is to tell some from others
    assert 1.0 in factors and min(factors) < 0.9
    return total


def digit_batch(digits):
    source = digits.splits["train"]
    indices = tf.range(12, dtype=tf.int64)
    weights = np.array([1, 0, 1, 1, 0.2, 1, 1, 3, 1, 1, 0, 1], np.float32)
    return source.gather(indices), source.targets(indices), weights


def text_batch():
    random = np.random.default_rng(0)
    ids, labels = random.integers(0, 9, (12, 6)), random.integers(0, 3, 12)
    weights = np.linspace(0, 2, 12, dtype=np.float32)
    return tf.constant(ids, tf.int32), tf.constant(labels), weights


def test_two_examples_by_hand():
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(1, use_bias=False)(inputs)
    model = keras.Model(inputs, outputs)
    model.set_weights([np.zeros((2, 1), np.float32)])
    # with weights 0 the gradient is (0 + 1) x: one of norm 5, and one of 0.3
    batch = [[3.0, 4.0], [0.3, 0.0], [9.0, 9.0]], [-1, -1, -1], [1.0, 1.0, 0.0]
    rule = rule_of(model, Squares())
    gradients, outputs, losses = rule(*map(tf.constant, batch))
    # ((3, 4) / 5 + (0.3, 0)) / 4
    np.testing.assert_allclose(gradients[0], [[0.225], [0.2]], rtol=1e-6)
    assert losses.numpy().tolist() == [0.5, 0.5, 0.5]
    assert outputs.shape == (3, 1)


CASES = {
    "convolutions": (convolutions, 6.0, True),
    "many positions": (partial(convolutions, 3, 1), 12.0, True),
    "activations inside": (mlp, 6.0, False),
    "texts": (texts, 0.25, False),
}


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize(
    "jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_every_example_is_clipped_alone(digits, name, jit_compile):
    keras.utils.set_random_seed(3)
    build, clip, by_layers = CASES[name]
    model = build()
    batch = text_batch() if build is texts else digit_batch(digits)
    clipping = dataclasses.replace(NOISELESS, clip=clip)
    rule = rule_of(model, clipping=clipping)
    assert (rule._layers is not None) == by_layers
    found, outputs, losses = tf.function(rule, jit_compile=jit_compile)(*batch)
    expected = one_by_one(model, batch, clip)
    for gradient, total in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, total / 4, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(outputs, model(batch[0]), rtol=1e-4, atol=1e-5)
    again = Labels().loss(batch[1], outputs)
    np.testing.assert_allclose(losses, again, rtol=1e-4)


def test_what_is_frozen_counts_for_nothing(digits):
    keras.utils.set_random_seed(3)
    model, batch = convolutions(), digit_batch(digits)
    # a bias, a kernel without its bias, and both of the last layer
    some = [model.trainable_variables[i] for i in (1, 3, 5, 6)]
    clipping = dataclasses.replace(NOISELESS, clip=4.0)
    rule = rule_of(model, clipping=clipping, variables=some)
    found, _, _ = rule(*batch)
    expected = one_by_one(model, batch, 4.0, variables=some)
    for gradient, total in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, total / 4, rtol=1e-4, atol=1e-6)


def test_what_the_loss_has_of_weights_is_not_clipped():
    inputs = keras.Input((2,))
    regularizer = keras.regularizers.L2(50.0)
    layer = keras.layers.Dense(
        1, use_bias=False, kernel_regularizer=regularizer
    )
    model = keras.Model(inputs, layer(inputs))
    model.set_weights([np.array([[1.0], [0.0]], np.float32)])
    rule = rule_of(
        model, Squares(), penalty=lambda: 7.0 * tf.reduce_sum(layer.kernel)
    )
    batch = [[3.0, 4.0]], [2], [1.0]
    gradients, _, _ = rule(*map(tf.constant, batch))
    # (3 - 2) (3, 4) / 5 / 4, then 2 · 50 · (1, 0) and 7
    np.testing.assert_allclose(gradients[0], [[107.15], [7.2]], rtol=1e-6)


@pytest.mark.slow
def test_a_layer_that_is_called_twice_is_computed_on_its_own(digits):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 16)(inputs))
    twice = keras.layers.Dense(64)
    x = keras.layers.Dense(10)(twice(twice(x)))
    model = keras.Model(inputs, x)
    rule = rule_of(model, clipping=dataclasses.replace(NOISELESS, clip=20.0))
    assert rule._layers is None
    batch = digit_batch(digits)
    found, _, _ = rule(*batch)
    for gradient, total in zip(
        found, one_by_one(model, batch, 20.0), strict=True
    ):
        np.testing.assert_allclose(gradient, total / 4, rtol=1e-3, atol=1e-5)


class Turned(Labels):
    """Runs the model twice, on an example as it is and turned."""

    def run(self, model, inputs):
        return (model(inputs) + model(inputs[:, ::-1])) / 2


@pytest.mark.slow
def test_an_objective_may_run_the_model_twice(digits):
    keras.utils.set_random_seed(3)
    model, batch = convolutions(), digit_batch(digits)
    found, _, _ = rule_of(model, Turned())(*batch)
    inputs = model.inputs[0]
    flipped = keras.layers.Lambda(lambda x: x[:, ::-1])(inputs)
    both = keras.layers.Average()([model(inputs), model(flipped)])
    expected = one_by_one(keras.Model(inputs, both), batch, 1.0)
    for gradient, total in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, total / 4, rtol=1e-3, atol=1e-6)


def with_layer(layer):
    inputs = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Rescaling(1 / 16)(inputs)
    x = layer(keras.layers.Dense(4, "relu")(keras.layers.Flatten()(x)))
    return keras.Model(inputs, keras.layers.Dense(10)(x))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.BatchNormalization(), "normalises over the batch: fine"),
        (
            keras.layers.Dense(4, activity_regularizer="l2"),
            "adds to the loss by its activity_regularizer",
        ),
    ],
)
def test_examples_that_depend_on_each_other_are_refused(layer, message):
    with pytest.raises(UserError, match=message):
        rule_of(with_layer(layer))


def test_dropout_differs_from_example_to_example_or_is_refused(digits):
    model, batch = with_layer(keras.layers.Dropout(0.5)), digit_batch(digits)
    with pytest.raises(UserError, match="draw the same random numbers"):
        rule_of(model)(*batch)
    inputs = keras.Input((40,))
    dropped = keras.layers.Dropout(0.5)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(dropped))
    _, outputs, _ = rule_of(model, Squares())(
        tf.ones((8, 40)), tf.zeros(8), tf.ones(8)
    )
    assert len(set(outputs[:, 0].numpy().tolist())) > 4


def test_dropout_of_one_example_alone_would_be_the_same_for_all():
    """Why it is refused: every mask of `vectorized_map` is the same."""
    dropout = keras.layers.Dropout(0.5)
    masks = tf.vectorized_map(
        lambda x: dropout(x[None], training=True)[0], tf.ones((8, 40))
    )
    assert len({tuple(mask) for mask in masks.numpy().tolist()}) == 1


def test_noise_has_the_deviation_that_was_accounted():
    inputs = keras.Input((200,))
    model = keras.Model(inputs, keras.layers.Dense(100)(inputs))
    clipping = Clipping(
        clip=0.5, noise_multiplier=3.0, batch_size=8, key=(1, 2)
    )
    rule = rule_of(model, clipping=clipping)
    zeros = [tf.zeros(v.shape) for v in model.trainable_variables]
    first, _ = rule.finished(zeros, tf.constant(5, tf.int64))
    second, _ = rule.finished(zeros, tf.constant(6, tf.int64))
    deviation = 3.0 * 0.5 / 8
    for found in (first.numpy(), second.numpy()):
        count = found.size
        assert abs(found.mean()) < 6 * deviation / np.sqrt(count)
        ratio = found.var() / deviation**2
        assert abs(ratio - 1) < 6 * np.sqrt(2 / count)
    correlation = np.corrcoef(first.numpy().ravel(), second.numpy().ravel())
    assert abs(correlation[0, 1]) < 6 / np.sqrt(first.numpy().size)


def test_replicas_share_the_noise_out(make_model):
    clipping = Clipping(
        clip=1.0, noise_multiplier=2.0, batch_size=1, key=(3, 4)
    )
    with get_strategy("mirrored").scope():
        model = make_model(replicas="mirrored", clipping=clipping)
    zeros = [tf.zeros(v.shape) for v in model.tuning.variables]

    @tf.function
    def noise():
        strategy = model.distribute_strategy
        return strategy.run(lambda: model._rule.finished(zeros, model.step)[0])

    first, second = (
        part.numpy().ravel()
        for part in model.distribute_strategy.experimental_local_results(
            noise()
        )
    )
    count = first.size
    assert abs(np.corrcoef(first, second)[0, 1]) < 6 / np.sqrt(count)
    for part in (first, second):
        assert abs(part.var() / 2 - 1) < 6 * np.sqrt(2 / count)


SHOWN = FitConfig(
    epochs=1,
    showing=Showing(poisson=Poisson(2**32 * 64 // 1437, 112, (20, 26))),
)
CLIPPED = dataclasses.replace(NOISELESS, batch_size=64)


@pytest.fixture(scope="module")
def plain(make_model, splits):
    """A private training without noise, in the simplest way."""
    model = make_model(convolutions, clipping=CLIPPED, jit_compile="false")
    rows = fit(model, splits, SHOWN)
    return model, rows


WAYS = {
    "resident": {"resident": True, "jit_compile": "false"},
    "compiled": {"jit_compile": "true"},
    "mirrored": {"replicas": "mirrored"},
    "mirrored, resident": {"replicas": "mirrored", "resident": True},
    "accumulated": {"batch_size": 16, "gradient_accumulation": 4},
}


@pytest.mark.slow
@pytest.mark.parametrize("way", sorted(WAYS))
def test_every_way_trains_the_same(make_model, splits, plain, way):
    settings = WAYS[way]
    model = make_model(convolutions, clipping=CLIPPED, **settings)
    names = ("batch_size", "gradient_accumulation")
    shown = {name: settings[name] for name in names if name in settings}
    rows = fit(model, splits, dataclasses.replace(SHOWN, **shown))
    expected, expected_rows = plain
    assert largest_difference(values_of(model), values_of(expected)) < 1e-4
    assert rows[-1]["loss"] == pytest.approx(expected_rows[-1]["loss"], 1e-4)


def test_a_training_resumes_to_the_same_bits(make_model, splits, tmp_path):
    make = partial(
        make_model,
        convolutions,
        clipping=CLIPPED,
        jit_compile="false",
        steps_per_execution=5,
    )
    two = dataclasses.replace(SHOWN, epochs=2)
    kept = Checkpoints(tmp_path / "all", keep=99, interval=Interval(steps=9))
    whole, rows = make(), []
    rows = fit(whole, splits, two, checkpoints=kept)
    first = sorted(kept.folder.iterdir())[0]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / first.name).write_bytes(first.read_bytes())
    again = Checkpoints(tmp_path / "one", keep=99, interval=Interval(steps=9))
    model = make()
    start = again.latest()
    assert 0 < start.step < model.steps_per_epoch
    found = fit(model, splits, two, checkpoints=again, start=start)
    assert timeless(found) == timeless(rows)
    pairs = zip(values_of(model), values_of(whole), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.slow
def test_noise_is_another_one_in_each_training(make_model, splits):
    one = {"train": splits["train"]}
    found = []
    for key in [(1, 2), (3, 4)]:
        clipping = dataclasses.replace(CLIPPED, noise_multiplier=1.0, key=key)
        model = make_model(cnn, clipping=clipping, jit_compile="false")
        fit(model, one, SHOWN)
        found.append(values_of(model))
    assert largest_difference(*found) > 1e-3


def test_half_precision_that_scales_by_the_batch_is_refused():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with pytest.raises(UserError, match="use mixed_bfloat16 or float32"):
            rule_of(mlp())
    finally:
        keras.config.set_dtype_policy("float32")
