"""Multiply-adds against numbers worked by hand, and against others'."""

import keras
import pytest
import tensorflow as tf
from keras import layers, ops

from keras_ptft.models import BACKBONES
from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.costs import multiply_adds
from keras_ptft.transfer.cut import cut_points

IMAGE, TEXT, LONG = (8, 8, 4), (5, 6), (None,)


def attention(x):
    return layers.MultiHeadAttention(2, 3, name="attention")(x, x)


# what stands between input and output → (input shape, multiply-adds)
CASES = {
    "dense": (layers.Dense(7), (3,), 3 * 7),
    "dense on each step": (layers.Dense(7), TEXT, 5 * 6 * 7),
    "valid": (layers.Conv2D(5, 3), IMAGE, 6 * 6 * 5 * (3 * 3 * 4)),
    "strided": (
        layers.Conv2D(5, 3, 2, "same"),
        IMAGE,
        4 * 4 * 5 * (3 * 3 * 4),
    ),
    "grouped": (
        layers.Conv2D(6, 3, padding="same", groups=2),
        IMAGE,
        8 * 8 * 6 * (3 * 3 * 2),
    ),
    "depthwise": (
        layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
        IMAGE,
        8 * 8 * 8 * (3 * 3),
    ),
    "separable": (
        layers.SeparableConv2D(5, 3, padding="same"),
        IMAGE,
        8 * 8 * 4 * (3 * 3) + 8 * 8 * 5 * 4,
    ),
    # each of the 64 × 4 numbers goes to 3 × 3 pixels of 5 channels
    "transposed": (
        layers.Conv2DTranspose(5, 3, strides=2),
        IMAGE,
        8 * 8 * 4 * (3 * 3 * 5),
    ),
    "over time": (layers.Conv1D(7, 2), TEXT, 4 * 7 * (2 * 6)),
    "in space": (layers.Conv3D(2, 2), (4, 4, 4, 3), 27 * 2 * (8 * 3)),
    "einsum": (layers.EinsumDense("...a,ab->...b", 7), TEXT, 5 * 6 * 7),
    # queries, keys, values and outputs; then scores and weighted values
    "attention": (attention, TEXT, 4 * (5 * 6 * 6) + 2 * (2 * 5 * 5 * 3)),
    "simple": (layers.SimpleRNN(4), TEXT, 5 * (6 * 4 + 4 * 4)),
    "lstm": (layers.LSTM(4), TEXT, 5 * 4 * (6 * 4 + 4 * 4)),
    "gru": (layers.GRU(4), TEXT, 5 * 3 * (6 * 4 + 4 * 4)),
    "both ways": (
        layers.Bidirectional(layers.LSTM(4)),
        TEXT,
        2 * 5 * 4 * (6 * 4 + 4 * 4),
    ),
    "each step": (
        layers.TimeDistributed(layers.Dense(7)),
        TEXT,
        5 * 6 * 7,
    ),
    "a lookup": (layers.Embedding(9, 7), LONG, 0),
    "norm": (layers.BatchNormalization(), IMAGE, 0),
    "pooling": (layers.MaxPooling2D(), IMAGE, 0),
    "a product": (lambda x: x @ ops.swapaxes(x, 1, 2), TEXT, 5 * 5 * 6),
    "indices": (
        lambda x: ops.einsum("bik,bjk->bij", x, x),
        TEXT,
        5 * 5 * 6,
    ),
    "open axes": (layers.Dense(3), (None, 4), 11 * 4 * 3),
}


@pytest.mark.parametrize("case", CASES)
def test_by_hand(case):
    part, shape, expected = CASES[case]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, part(inputs))
    assert multiply_adds(model, length=11).total() == expected


def test_a_layer_that_is_called_twice_counts_twice():
    inputs = keras.Input((4,))
    dense = layers.Dense(4, name="dense")
    model = keras.Model(inputs, dense(dense(inputs)))
    assert multiply_adds(model) == {"dense": 32}


def test_several_inputs():
    one, other = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    outputs = layers.Dense(5)(layers.Concatenate()([one, other]))
    model = keras.Model({"a": one, "b": other}, outputs)
    assert multiply_adds(model).total() == 25


def test_a_transformer_by_hand():
    text = tf.TensorSpec((None,), tf.int32, "tokens")
    given = BackboneInput(text, vocabulary_size=10)
    model = BACKBONES["transformer"](given, width=8, heads=2, depth=3)
    # 4 projections and two dense layers four times as wide, a token; then
    # scores and weighted values
    block = 32 * (4 * 64 + 2 * 4 * 64) + 2 * 32 * 32 * 8
    assert multiply_adds(model, 32).total() == 3 * block
    assert multiply_adds(model, 32)["block1_dense"] == 32 * 4 * 64


def test_the_model_stays_as_it_was():
    image = BackboneInput(tf.TensorSpec((28, 28, 1), tf.uint8, "image"))
    model = BACKBONES["resnet_small"](image)
    config, points = model.get_config(), cut_points(model)
    multiply_adds(model)
    assert (model.get_config(), cut_points(model)) == (config, points)


@pytest.mark.slow
def test_the_same_as_published_and_as_tensorflow_counts():
    model = keras.applications.MobileNetV2(weights=None)
    found = multiply_adds(model)
    # Sandler et al. 2018, table 4: 300 M
    assert found.total() == 300_774_272
    assert found["Conv1"] == 112 * 112 * 32 * 27
    counted = profiled(model, tf.TensorSpec((1, 224, 224, 3)))
    products = ("Conv2D", "DepthwiseConv2dNative", "MatMul")
    assert sum(counted[name] for name in products) == 2 * found.total()


def profiled(model, spec):
    """Floating point operations by type, as TensorFlow's profiler counts."""
    graph = tf.function(model).get_concrete_function(spec).graph
    profiler = tf.compat.v1.profiler
    builder = profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    node = profiler.profile(graph, cmd="op", options=options)
    counted = {}
    while node.children:
        node = node.children[0]
        counted[node.name] = node.float_ops
    return counted
