"""What of an unfrozen backbone is trained, and what is held."""

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.registry import lookup
from keras_ptft.transfer import audit
from keras_ptft.transfer.cut import split
from keras_ptft.transfer.unfrozen import (
    hold_statistics,
    norms_and_biases,
    unfreeze,
    unfrozen_layers,
    with_parts,
)

BATCH_NORM = "cnn(filters=[4, 6], dense=5, batch_norm=True)"
IMAGES = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)


def make_transformer():
    given = BackboneInput(tf.TensorSpec([None]), vocabulary_size=10)
    spec = "transformer(width=4, heads=2, depth=1)"
    return lookup(BACKBONES, spec, "backbone")(given)


def test_layers_of_the_backbone_whose_weights_were_transferred(make_model):
    model, backbone = make_model(BATCH_NORM)
    _, suffix = split(model, backbone, "conv1")
    names = {"conv1_conv", "conv2_conv", "features_dense", "logits"}
    layers = unfrozen_layers(suffix, backbone, names)
    assert [layer.name for layer in layers] == ["conv2_conv", "features_dense"]


def test_statistics_are_held_and_scale_and_offset_are_not(make_backbone):
    backbone = make_backbone(BATCH_NORM)
    layer = backbone.get_layer("conv1_bn")
    held = hold_statistics(with_parts(backbone.layers))
    paths = [f"conv{i}_bn/moving_{x}" for i in (1, 2) for x in STATISTICS]
    assert [variable.path for variable in held] == paths
    before = audit.fingerprints(held)
    inference = backbone(IMAGES, training=False)
    with tf.GradientTape() as tape:
        outputs = backbone(IMAGES, training=True)
        loss = tf.reduce_sum(outputs)
    np.testing.assert_array_equal(outputs, inference)
    audit.audit(before, held)
    trained = [layer.gamma.value, layer.beta.value]
    assert all(np.any(g) for g in tape.gradient(loss, trained))
    assert layer.gamma.trainable and not layer.moving_mean.trainable


STATISTICS = "mean", "variance"


def test_unfreezing_undoes_all_of_it(make_backbone):
    backbone = make_backbone(BATCH_NORM)
    every = [v.path for v in backbone.trainable_variables]
    hold_statistics(backbone.layers)
    backbone.get_layer("conv1_conv").trainable = False
    assert len(backbone.trainable_variables) < len(every)
    unfreeze(backbone)
    assert [v.path for v in backbone.trainable_variables] == every
    before = backbone.get_layer("conv1_bn").moving_mean.numpy()
    backbone(IMAGES, training=True)
    after = backbone.get_layer("conv1_bn").moving_mean.numpy()
    assert not np.array_equal(before, after)


def test_a_cut_decides_anew_what_is_frozen(make_model):
    model, backbone = make_model()
    split(model, backbone, "all")
    _, suffix = split(model, backbone, "conv1")
    paths = [v.path for v in suffix.trainable_variables]
    assert paths[0] == "conv2_conv/kernel" and len(paths) == 6
    _, whole = split(model, backbone, "none")
    assert len(whole.trainable_variables) == 8


def test_norms_and_biases_of_a_cnn(make_backbone):
    layers = with_parts(make_backbone(BATCH_NORM).layers)
    assert {v.path for v in norms_and_biases(layers)} == {
        "conv1_bn/gamma",
        "conv1_bn/beta",
        "conv2_bn/gamma",
        "conv2_bn/beta",
        "features_dense/bias",
    }


def test_norms_and_biases_of_a_transformer():
    layers = with_parts(make_transformer().layers)
    found = {v.path for v in norms_and_biases(layers)}
    parts = ("query", "key", "value", "attention_output")
    assert found == {
        *(f"block1_attention/{part}/bias" for part in parts),
        *(f"block1_{part}/bias" for part in ("dense", "dense_hidden")),
        *(f"block1_attention_norm/{name}" for name in ("gamma", "beta")),
        *(f"block1_dense_norm/{name}" for name in ("gamma", "beta")),
        *(f"norm/{name}" for name in ("gamma", "beta")),
    }


def test_parts_are_found_within_attention():
    layer = make_transformer().get_layer("block1_attention")
    kinds = [type(part) for part in with_parts([layer])]
    assert kinds.count(keras.layers.EinsumDense) == 4
