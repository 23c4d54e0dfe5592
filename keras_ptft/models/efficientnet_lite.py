"""EfficientNet-Lite0, an image network made for small processors."""

import dataclasses

import keras
import tensorflow as tf
from keras import layers

from keras_ptft.errors import UserError
from keras_ptft.models.backbone_input import OTHER_BACKBONE, BackboneInput
from keras_ptft.models.normalization import preprocess

# the sides are halved five times
_SMALLEST = 32


@dataclasses.dataclass(frozen=True)
class _Stage:
    """Blocks of one width, of which the first one may halve the sides."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(blocks=1, kernel=3, stride=1, expansion=1, filters=16),
    _Stage(blocks=2, kernel=3, stride=2, expansion=6, filters=24),
    _Stage(blocks=2, kernel=5, stride=2, expansion=6, filters=40),
    _Stage(blocks=3, kernel=3, stride=2, expansion=6, filters=80),
    _Stage(blocks=3, kernel=5, stride=1, expansion=6, filters=112),
    _Stage(blocks=4, kernel=5, stride=2, expansion=6, filters=192),
    _Stage(blocks=1, kernel=3, stride=1, expansion=6, filters=320),
)


def efficientnet_lite0(given: BackboneInput, /) -> keras.Model:
    """Sixteen inverted residual blocks with ReLU6.

    Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional
    Neural Networks", in the variant of 2020 for phones: ReLU6 in place of
    swish, and no squeeze-and-excitation.

    Args:
        given: one image of shape (height, width, channels) with sides of at
            least 32 and 1 channel, which is repeated, or 3.

    Returns:
        Model "backbone" from raw input to features of shape (batch, 1280),
        the means of the last maps, with the cut points stem, block1, ...,
        block16, head, features.

    Raises:
        UserError: not an image, or one of other channels or too small.

    Example:

    >>> image = tf.TensorSpec((64, 64, 3), tf.uint8, "image")
    >>> efficientnet_lite0(BackboneInput(image)).count_params()
    3413024
    """
    inputs, x = preprocess(given)
    _check(given.single_spec())
    if x.shape[-1] == 1:
        x = layers.Concatenate(name="grey_to_color")([x, x, x])
    x = _convolved(x, "stem", 32, kernel=3, stride=2)
    x = layers.ReLU(6.0, name="stem")(x)
    index = 0
    for stage in _STAGES:
        for i in range(stage.blocks):
            index += 1
            stride = stage.stride if i == 0 else 1
            x = _block(x, f"block{index}", stage, stride)
    x = _convolved(x, "head", 1280)
    x = layers.ReLU(6.0, name="head")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(inputs, x, name="backbone")


def _check(spec: tf.TensorSpec) -> None:
    shape = tuple(spec.shape)
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise UserError(
            "EfficientNet-Lite0 needs images of shape (height, width, 3), or "
            f"of 1 channel, got {shape}: {OTHER_BACKBONE}."
        )
    if min(shape[:2]) < _SMALLEST:
        raise UserError(
            f"EfficientNet-Lite0 needs images of at least {_SMALLEST}×"
            f"{_SMALLEST} pixels, got {shape[0]}×{shape[1]}: raise "
            "--image_size."
        )


def _block(
    x: keras.KerasTensor, name: str, stage: _Stage, stride: int
) -> keras.KerasTensor:
    """Widens, filters each channel by itself, then narrows again.

    What comes out is added to what went in, where it has the same shape.
    """
    y, width = x, x.shape[-1]
    if stage.expansion > 1:
        y = _convolved(y, f"{name}_expand", width * stage.expansion)
        y = layers.ReLU(6.0, name=f"{name}_expand")(y)
    y = layers.DepthwiseConv2D(
        stage.kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=_initializer(),
        name=f"{name}_depthwise_conv",
    )(y)
    y = _normalized(y, f"{name}_depthwise")
    y = layers.ReLU(6.0, name=f"{name}_depthwise")(y)
    y = _convolved(y, f"{name}_project", stage.filters)
    if stride == 1 and width == stage.filters:
        return layers.Add(name=name)([x, y])
    return layers.Identity(name=name)(y)


def _convolved(
    x: keras.KerasTensor,
    name: str,
    filters: int,
    *,
    kernel: int = 1,
    stride: int = 1,
) -> keras.KerasTensor:
    """Applies a convolution, padded with zeros, and normalises it."""
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=_initializer(),
        name=f"{name}_conv",
    )(x)
    return _normalized(x, name)


def _normalized(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # over all replicas, so that results do not depend on their number
    return layers.BatchNormalization(
        momentum=0.99, epsilon=1e-3, synchronized=True, name=f"{name}_bn"
    )(x)


def _initializer() -> keras.initializers.Initializer:
    # for each layer its own, as one gives the same values again; by what
    # goes out, since Keras counts all channels as what a depthwise one reads
    return keras.initializers.VarianceScaling(2.0, "fan_out")
