"""Recomputed activations change no result, and are not kept."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.models import BACKBONES, heads
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.rematerialize import forward_of
from keras_ptft.registry import lookup
from keras_ptft.transfer.cut import cut_points, split

TEXT = tf.TensorSpec((None,), tf.int32, "tokens")
IDS = np.array([[5, 6, 7, 8], [3, 4, 0, 0]], np.int32)
ROW = "transformer(width=8, heads=2, depth=2, dropout=0.3, rematerialize="


def build(rematerialize):
    keras.utils.set_random_seed(5)
    row = lookup(BACKBONES, f"{ROW}{rematerialize})", "backbone")
    backbone = row(BackboneInput(TEXT, vocabulary_size=20))
    head = partial(heads.classify, classes=3)
    return heads.attach_head(backbone, "features", head), backbone


def step(model, forward, graph=True):
    """Outputs, gradients and random states of two steps."""
    variables = [v.value for v in model.trainable_variables]

    def gradients():
        with tf.GradientTape() as tape:
            outputs = forward(tf.constant(IDS))
            loss = tf.reduce_sum(outputs**2)
        found = tape.gradient(loss, variables)
        return [outputs, *map(tf.convert_to_tensor, found)]

    if graph:
        gradients = tf.function(gradients)
    results = [*gradients(), *gradients()]
    return [*results, *(v.numpy() for v in model.non_trainable_variables)]


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("graph", [True, False])
def test_dropout_and_gradients_are_the_same(graph):
    plain, _ = build(False)
    expected = step(plain, partial(plain, training=True), graph)
    marked, _ = build(True)
    same(step(marked, forward_of(marked), graph), expected)


def test_without_marks_it_is_a_plain_call():
    model, _ = build(False)
    assert forward_of(model).func is model


def test_a_loaded_model_still_has_its_marks(tmp_path):
    model, backbone = build(True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert "rematerialize2" in cut_points(backbone)
    outputs = forward_of(loaded)(tf.constant(IDS))
    assert outputs.shape == (2, 3)
    # a plain call is a partial of the model itself
    assert not hasattr(forward_of(loaded), "func")


@pytest.mark.parametrize("freeze", ["positions", "rematerialize1"])
def test_what_stays_of_a_cut_model_is_recomputed(freeze):
    plain, backbone = build(False)
    name = "block1" if freeze == "rematerialize1" else freeze
    prefix, suffix = split(plain, backbone, name)
    features = prefix(IDS)
    expected = step(suffix, lambda _: suffix(features, training=True), False)
    model, backbone = build(True)
    _, suffix = split(model, backbone, freeze)
    forward = forward_of(suffix)
    same(step(suffix, lambda _: forward(features), False), expected)


def test_a_head_may_read_the_input_too():
    found = []
    for rematerialize in (False, True):
        model, backbone = build(rematerialize)
        counted = keras.ops.cast(backbone.input, "float32")[:, :1]
        outputs = keras.layers.Concatenate()([model.output, counted])
        both = keras.Model(model.input, outputs)
        plain = partial(both, training=True)
        forward = forward_of(both) if rematerialize else plain
        found.append(step(both, forward, False))
    same(*found)


@pytest.mark.slow
def test_several_named_inputs():
    found = []
    for rematerialize in (False, True):
        _, backbone = build(rematerialize)
        more = keras.Input((8,), name="more")
        added = keras.layers.Add(name="added")([backbone.output, more])
        inputs = {"tokens": backbone.input, "more": more}
        model = keras.Model(inputs, heads.classify(added, 3))
        forward = forward_of(model)
        values = {"tokens": tf.constant(IDS), "more": tf.ones((2, 8))}
        found.append(step(model, lambda _, f=forward, v=values: f(v)))
    same(*found)


@pytest.mark.slow
def test_on_two_replicas():
    found = []
    for rematerialize in (False, True):
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():
            model, _ = build(rematerialize)
            forward = forward_of(model)

            @tf.function
            def run(model=model, forward=forward, strategy=strategy):
                def replica():
                    with tf.GradientTape() as tape:
                        loss = tf.reduce_sum(forward(tf.constant(IDS)) ** 2)
                    variables = [v.value for v in model.trainable_variables]
                    return [loss, *tape.gradient(loss, variables)[-2:]]

                return strategy.run(replica)

            results = run()
        local = strategy.experimental_local_results
        found.append([np.array(x) for r in results for x in local(r)])
    same(*found)
