"""Which layers get low-rank matrices, and that they change nothing at first."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.registry import lookup
from keras_ptft.transfer.lora import LORA
from keras_ptft.transfer.unfrozen import with_parts

IMAGES = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)


@pytest.fixture
def transformer():
    given = BackboneInput(tf.TensorSpec([None]), vocabulary_size=10)
    spec = "transformer(width=4, heads=2, depth=1)"
    return lookup(BACKBONES, spec, "backbone")(given)


def adapt(model, spec):
    adapter = lookup(LORA, spec, "low-rank adaptation")
    return [layer.path for layer in adapter(with_parts(model.layers))]


def test_none_adapts_nothing(make_backbone):
    backbone = make_backbone()
    assert adapt(backbone, "none") == []
    assert len(backbone.trainable_variables) == 6


def test_layers_and_matrices_of_a_cnn(make_backbone):
    backbone = make_backbone()
    expected = ["conv1_conv", "conv2_conv", "features_dense"]
    assert adapt(backbone, "lora(rank=2)") == expected
    shapes = {v.path: tuple(v.shape) for v in backbone.trainable_variables}
    assert "conv1_conv/kernel" not in shapes and "conv1_conv/bias" in shapes
    assert shapes["conv2_conv/lora_kernel_a"] == (3, 3, 4, 2)
    assert shapes["conv2_conv/lora_kernel_b"] == (2, 6)
    assert shapes["features_dense/lora_kernel_a"] == (6, 2)


def test_layers_of_a_transformer(transformer):
    parts = ("query", "key", "value", "attention_output")
    assert adapt(transformer, "lora") == [
        "embedding_table",
        *(f"block1_attention/{part}" for part in parts),
        "block1_dense_hidden",
        "block1_dense",
    ]


def test_chosen_layers_alone(transformer):
    spec = "lora(only=['query', 'value'])"
    parts = ("query", "value")
    expected = [f"block1_attention/{part}" for part in parts]
    assert adapt(transformer, spec) == expected


@pytest.mark.parametrize("alpha", [None, 16.0])
def test_training_starts_from_the_pretrained_model(make_backbone, alpha):
    backbone = make_backbone()
    before = backbone(IMAGES).numpy()
    adapt(backbone, f"lora(alpha={alpha})")
    np.testing.assert_allclose(backbone(IMAGES), before, atol=1e-6)


def test_alpha_multiplies_the_product(make_backbone):
    backbone = make_backbone()
    layer = backbone.get_layer("features_dense")
    start = layer.kernel.numpy()
    adapt(backbone, "lora(rank=2, alpha=6.0)")
    layer.lora_kernel_a.assign(np.ones((6, 2)))
    layer.lora_kernel_b.assign(np.ones((2, 5)))
    # 6 / 2 · (1 + 1)
    np.testing.assert_allclose(layer.kernel - start, 6.0, rtol=1e-6)


def test_a_constrained_kernel_is_left_out():
    inputs = keras.Input((3,))
    constraint = keras.constraints.NonNeg()
    x = keras.layers.Dense(3, name="one", kernel_constraint=constraint)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="two")(x))
    assert adapt(model, "lora") == ["two"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lora(rank=0)", "Setting 'rank' must be at least 1, got 0."),
        ("lora(alpha=-1)", "Setting 'alpha' must be at least 0, got -1.0."),
        (
            "lora(only=['query'])",
            "--lora finds no layer to adapt; the unfrozen ones that can be: "
            "conv1_conv, conv2_conv, features_dense.",
        ),
    ],
)
def test_what_cannot_be(make_backbone, spec, message):
    with pytest.raises(UserError) as caught:
        adapt(make_backbone(), spec)
    assert str(caught.value) == message
