"""Tensors go where a name map says, all of them or none."""

import keras
import ml_dtypes
import numpy as np
import pytest

from keras_ptft.errors import UserError
from keras_ptft.models.pretrained.filling import Target, fill

NAMES = {
    "conv.weight": Target(
        "conv", "kernel", lambda tensor: tensor.transpose(2, 3, 1, 0)
    ),
    "conv.bias": Target("conv", "bias"),
    "norm.weight": Target("norm", "gamma"),
    "norm.bias": Target("norm", "beta"),
    "norm.running_mean": Target("norm", "moving_mean"),
    "norm.running_var": Target("norm", "moving_variance"),
    "attention.query": Target("attention", "query/kernel"),
    "attention.key": Target("attention", "key/kernel"),
    "attention.value": Target("attention", "value/kernel"),
    "attention.out": Target(
        "attention",
        "attention_output/kernel",
        lambda tensor: tensor.reshape(2, 3, 4),
    ),
}


@pytest.fixture
def backbone():
    inputs = keras.Input((5, 6, 3))
    x = keras.layers.Conv2D(4, (2, 1), name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Reshape((24, 4), name="row")(x)
    attention = keras.layers.MultiHeadAttention(
        2, 3, use_bias=False, name="attention"
    )
    return keras.Model(inputs, attention(x, x))


@pytest.fixture
def tensors():
    """Distinct numbers, in the shapes that PyTorch would have."""
    shapes = dict.fromkeys(NAMES, (4,))
    shapes |= {"conv.weight": (4, 3, 2, 1), "attention.out": (6, 4)}
    inner = ("attention.query", "attention.key", "attention.value")
    shapes |= dict.fromkeys(inner, (4, 2, 3))
    return {
        name: np.arange(i, i + np.prod(shape), dtype=np.float32).reshape(shape)
        for i, (name, shape) in enumerate(shapes.items())
    }


def refusal(backbone, tensors, **settings):
    before = backbone.get_weights()
    with pytest.raises(UserError) as caught:
        fill(backbone, tensors, NAMES, origin="x.pth", **settings)
    after = backbone.get_weights()
    assert all(map(np.array_equal, before, after)), "a weight was changed"
    line = str(caught.value)
    start = "The weights of x.pth are not those of this model: of its tensors, "
    end = ": give the file of this model."
    assert line.startswith(start) and line.endswith(end)
    return line.removeprefix(start).removesuffix(end)


def test_every_weight_is_set(backbone, tensors):
    fill(backbone, tensors, NAMES, origin="x.pth")
    conv, norm = backbone.get_layer("conv"), backbone.get_layer("norm")
    kernel = conv.kernel.numpy()
    assert kernel.shape == (2, 1, 3, 4)
    # theirs is output, input, row, column
    assert kernel[1, 0, 2, 3] == tensors["conv.weight"][3, 2, 1, 0]
    np.testing.assert_array_equal(conv.bias, tensors["conv.bias"])
    for name, weight in zip(
        ("weight", "bias", "running_mean", "running_var"),
        norm.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(weight, tensors[f"norm.{name}"])
    for name in ("query", "key", "value"):
        layer = getattr(backbone.get_layer("attention"), f"_{name}_dense")
        np.testing.assert_array_equal(
            layer.kernel, tensors[f"attention.{name}"]
        )


def test_other_precisions(backbone, tensors):
    kinds = [ml_dtypes.bfloat16, np.float16, np.float64]
    given = {
        name: tensor.astype(kinds[i % 3])
        for i, (name, tensor) in enumerate(tensors.items())
    }
    fill(backbone, given, NAMES, origin="x.pth")
    bias = backbone.get_layer("conv").bias
    assert bias.dtype == "float32"
    # 1, 2, 3 and 4 are exact in every one of them
    np.testing.assert_array_equal(bias, tensors["conv.bias"])


def test_missing_tensors(backbone, tensors):
    for name in ("norm.bias", "conv.weight"):
        del tensors[name]
    line = refusal(backbone, tensors)
    assert line == "2 missing (conv.weight, norm.bias)"


def test_many_missing_tensors(backbone):
    assert refusal(backbone, {}) == (
        "10 missing (conv.weight, conv.bias, norm.weight, norm.bias, "
        "norm.running_mean and 5 more)"
    )


def test_tensors_left_over(backbone, tensors):
    tensors |= dict.fromkeys(("head.weight", "count"), np.zeros(3))
    line = refusal(backbone, tensors)
    assert line == "2 left over (head.weight, count)"
    line = refusal(backbone, tensors, unused=["count"])
    assert line == "1 left over (head.weight)"
    unused = ["count", "head.weight", "another that is not there"]
    fill(backbone, tensors, NAMES, origin="x.pth", unused=unused)


def test_tensors_of_another_shape(backbone, tensors):
    tensors["conv.bias"] = np.zeros(5, np.float32)
    tensors["conv.weight"] = np.zeros((4, 3, 1, 2), np.float32)
    assert refusal(backbone, tensors) == (
        "2 unfit (conv.weight of shape (1, 2, 3, 4) here, in place of "
        "(2, 1, 3, 4), conv.bias of shape (5,) here, in place of (4,))"
    )


@pytest.mark.parametrize("shape", [(4,), (4, 3, 2), ()])
def test_tensors_that_cannot_be_converted(backbone, tensors, shape):
    tensors["conv.weight"] = np.zeros(shape, np.float32)
    line = refusal(backbone, tensors)
    assert line == f"1 unfit (conv.weight of shape {shape})"


@pytest.mark.parametrize("kind", ["int64", "bool", "uint8"])
def test_numbers_of_another_kind(backbone, tensors, kind):
    tensors["norm.bias"] = np.zeros(4, kind)
    assert refusal(backbone, tensors) == (
        f"1 unfit (norm.bias of {kind}, in place of floating point numbers)"
    )


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e39])
def test_numbers_that_are_none(backbone, tensors, number):
    tensors["norm.bias"] = np.array([0.0, 1.0, number, 3.0])
    line = refusal(backbone, tensors)
    assert line == "1 unfit (norm.bias with NaN or infinity among its numbers)"


def test_all_faults_in_one_line(backbone, tensors):
    tensors["head"] = tensors.pop("norm.bias")
    tensors["conv.bias"] = np.zeros(5, np.float32)
    assert refusal(backbone, tensors) == (
        "1 missing (norm.bias); 1 left over (head); 1 unfit (conv.bias of "
        "shape (5,) here, in place of (4,))"
    )


@pytest.mark.parametrize(
    "names",
    [
        {k: v for k, v in NAMES.items() if k != "conv.bias"},
        NAMES | {"twice": Target("conv", "bias")},
        NAMES | {"conv.bias": Target("conv", "biases")},
    ],
)
def test_a_name_map_has_every_weight_once(backbone, tensors, names):
    with pytest.raises(LookupError, match="does not name every weight once"):
        fill(backbone, tensors, names, origin="x.pth")
