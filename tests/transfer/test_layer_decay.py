"""Groups of layers, and how far each is from the head."""

import keras
import pytest
import tensorflow as tf

from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.registry import lookup
from keras_ptft.transfer.layer_decay import layer_factors


def powers(backbone):
    """The distances from the head, as layers by distance."""
    found = {}
    for name, factor in layer_factors(backbone, 0.5).items():
        found.setdefault(factor, []).append(name)
    return [" ".join(found[0.5**n]) for n in range(1, len(found) + 1)]


def test_a_convolution_with_what_follows_it(make_backbone):
    backbone = make_backbone(
        "cnn(filters=[4, 6], dense=5, batch_norm=True, dropout=0.1)"
    )
    assert powers(backbone) == [
        "features_dense features",
        "conv2_conv conv2_bn conv2 dropout2 flatten",
        "normalization conv1_conv conv1_bn conv1 pool1 dropout1",
    ]


def test_a_block_of_a_transformer():
    given = BackboneInput(tf.TensorSpec([None]), vocabulary_size=10)
    spec = "transformer(width=4, heads=2, depth=2, positions='learned')"
    groups = powers(lookup(BACKBONES, spec, "backbone")(given))
    assert groups[0].startswith("block2_attention_norm block2_attention ")
    assert groups[0].endswith(" block2 norm sequence features")
    assert groups[1].startswith("block1_attention_norm")
    assert groups[1].endswith(" block1")
    assert groups[2:] == [
        "position_table positions dropout",
        "embedding_table embedding",
    ]


def test_the_branches_of_a_residual_block(make_backbone):
    groups = powers(make_backbone("resnet_small(filters=[4, 8], blocks=1)"))
    assert len(groups) == 3
    for name in ("block2_conv1", "block2_conv_shortcut", "block2"):
        assert name in groups[0].split()


def test_without_the_naming_convention_each_kernel_is_a_group():
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, name="first")(inputs)
    x = keras.layers.LayerNormalization(name="normalize")(x)
    side = keras.layers.Dense(3, name="side")(x)
    x = keras.layers.Add(name="add")([x, side])
    assert powers(keras.Model(inputs, x)) == ["side add", "first normalize"]


@pytest.mark.parametrize("decay", [1.0, 0.75])
def test_the_last_group_has_the_decay_itself(make_backbone, decay):
    factors = layer_factors(make_backbone(), decay)
    assert factors["features_dense"] == decay
    assert factors["conv1_conv"] == decay**3
