"""Costs of cut points by hand, and which are worth a line."""

import keras
import pytest
import tensorflow as tf
from keras import layers

from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.registry import lookup
from keras_ptft.transfer.costs import CutCost, cut_costs, principal
from keras_ptft.transfer.cut import cut_points


def chain(*names):
    """A dense layer of 2 units for each name, on 2 numbers."""
    x = inputs = keras.Input((2,))
    for name in names:
        x = layers.Dense(2, name=name)(x)
    return keras.Model(inputs, x)


def test_by_hand():
    x = inputs = keras.Input((5,))
    for units, name in ((4, "first"), (3, "second"), (2, "features")):
        x = layers.Dense(units, name=name)(x)
    found = cut_costs(keras.Model(inputs, x), ["first", "second"])
    assert found == [
        CutCost("none", 0, 24 + 15 + 8, 0, 20 + 12 + 6, 0),
        CutCost("first", 24, 15 + 8, 20, 12 + 6, 16),
        CutCost("second", 24 + 15, 8, 20 + 12, 6, 12),
        CutCost("all", 24 + 15 + 8, 0, 20 + 12 + 6, 0, 8),
    ]
    assert [cost.cached_step for cost in found] == [114, 54, 18, 0]
    assert [cost.uncached_step for cost in found] == [114, 74, 50, 38]


def test_tokens_of_a_text():
    text = tf.TensorSpec((None,), tf.int32, "tokens")
    row = lookup(BACKBONES, "embedding(width=4, hidden=[3])", "backbone")
    backbone = row(BackboneInput(text, vocabulary_size=10))
    (_, pooled, every) = cut_costs(backbone, ["pooled"], length=7)
    assert pooled == CutCost("pooled", 40, 15, 0, 12, 16)
    assert every == CutCost("all", 55, 0, 12, 0, 12)


def test_branches_are_on_their_side_of_a_cut():
    x = inputs = keras.Input((2,))
    y = layers.Dense(2, name="left")(x)
    x = layers.Add(name="joined")([y, layers.Dense(2, name="right")(x)])
    x = layers.Dense(3, name="features")(x)
    (_, joined, _) = cut_costs(keras.Model(inputs, x), ["joined"])
    assert joined == CutCost("joined", 12, 9, 8, 6, 8)


def test_few_are_all_shown():
    model = chain("block1_dense", "block1", "features")
    assert principal(model, cut_points(model)) == ["block1_dense", "block1"]


def test_of_many_the_ends_of_blocks_are_shown():
    blocks = [f"block{i}" for i in range(1, 6)]
    parts = "_expand_dense", "_expand", "_project", ""
    model = chain(*(block + part for block in blocks for part in parts), "last")
    assert principal(model, cut_points(model)) == blocks


def test_of_many_without_named_blocks_the_joins_are_shown():
    x = inputs = keras.Input((2,))
    for i in range(6):
        y = layers.Dense(2, name=f"stage{i}_expand")(x)
        # what is named after a layer comes after it, and is no block
        y = layers.ReLU(name=f"stage{i}_expand_relu")(y)
        x = layers.Add(name=f"stage{i}_add")([x, y])
        x = layers.Dense(2, name=f"stage{i}_project")(x)
        x = layers.ReLU(name=f"stage{i}_project_relu")(x)
    model = keras.Model(inputs, x)
    assert len(cut_points(model)) == 18
    found = principal(model, cut_points(model))
    assert found == [f"stage{i}_add" for i in range(6)]


def test_of_many_without_blocks_some_are_shown():
    model = chain(*(f"layer{i}" for i in range(40)))
    found = principal(model, cut_points(model))
    # every third of 39
    assert found == [f"layer{i}" for i in range(0, 39, 3)]


@pytest.mark.parametrize(
    "name",
    [
        "cnn",
        pytest.param("resnet_small", marks=pytest.mark.slow),
        pytest.param("vit_small", marks=pytest.mark.slow),
    ],
)
def test_both_parts_make_up_the_whole(name):
    image = tf.TensorSpec((28, 28, 1), tf.uint8, "image")
    backbone = BACKBONES[name](BackboneInput(image))
    found = cut_costs(backbone, cut_points(backbone))
    totals = {(c.frozen_parameters + c.trained_parameters) for c in found}
    assert totals == {backbone.count_params()}
    assert len({cost.frozen + cost.trained for cost in found}) == 1
    frozen = [cost.frozen for cost in found]
    assert frozen == sorted(frozen) and frozen[-1] > 0
