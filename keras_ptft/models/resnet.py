"""Residual networks in the form for small images."""

from typing import Any

import keras
from keras import layers

from keras_ptft.errors import UserError, check_each, check_range
from keras_ptft.models.backbone_input import OTHER_BACKBONE, BackboneInput
from keras_ptft.models.normalization import preprocess


def resnet(
    given: BackboneInput,
    /,
    *,
    filters: tuple[int, ...] = (16, 32, 64),
    blocks: int = 3,
    stride: int = 1,
    l2: float = 0.0,
) -> keras.Model:
    """A residual network for small images, with batch normalisation.

    He et al. 2016, "Deep Residual Learning for Image Recognition", section
    4.2: stages of blocks of two 3×3 convolutions each, every stage after the
    first at half the resolution. `blocks=3` is their ResNet-20; where the
    shape changes, the shortcut is a 1×1 convolution (their option B).

    Args:
        given: one image, of shape (height, width, channels).
        filters: filters of each stage.
        blocks: number of blocks in each stage.
        stride: of the first convolution; 4 keeps photos of 224 pixels cheap.
        l2: weight decay of the kernels, added to the loss.

    Returns:
        Model "backbone" from raw input to features of shape
        (batch, filters[-1]), with the cut points stem, block1, block2, ...,
        features.

    Raises:
        UserError: not an image, or a setting out of its range.

    Example:

    >>> import tensorflow as tf
    >>> image = tf.TensorSpec((32, 32, 3), tf.uint8, "image")
    >>> resnet(BackboneInput(image)).count_params()
    273392
    """
    check_each("filters", filters, 1)
    for setting, value in (("blocks", blocks), ("stride", stride)):
        check_range(setting, value, 1)
    check_range("l2", l2, 0.0)
    _check_image(given)
    inputs, x = preprocess(given)
    x = _convolved(x, filters[0], "stem", stride=stride, l2=l2)
    x = layers.ReLU(name="stem")(x)
    for i in range(blocks * len(filters)):
        stage = i // blocks
        halved = stage > 0 and i % blocks == 0
        name = f"block{i + 1}"
        x = _block(x, filters[stage], name, stride=2 if halved else 1, l2=l2)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(inputs, x, name="backbone")


def _block(
    x: keras.KerasTensor, filters: int, name: str, *, stride: int, l2: float
) -> keras.KerasTensor:
    """Adds two convolutions to their input; the sum's ReLU is a cut point."""
    y = _convolved(x, filters, name, part="1", stride=stride, l2=l2)
    y = layers.ReLU(name=f"{name}_relu1")(y)
    y = _convolved(y, filters, name, part="2", l2=l2)
    if x.shape != y.shape:
        shortcut: dict[str, Any] = {"kernel": 1, "stride": stride, "l2": l2}
        x = _convolved(x, filters, name, part="_shortcut", **shortcut)
    x = layers.Add(name=f"{name}_added")([x, y])
    return layers.ReLU(name=name)(x)


def _convolved(
    x: keras.KerasTensor,
    filters: int,
    name: str,
    *,
    part: str = "",
    kernel: int = 3,
    stride: int = 1,
    l2: float,
) -> keras.KerasTensor:
    """Applies a convolution, then batch normalisation."""
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        # batch normalisation adds a bias itself
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
        name=f"{name}_conv{part}",
    )(x)
    normalize = layers.BatchNormalization(
        # with Keras's 0.99 the statistics would still be far off after
        # hundreds of steps, more than a small data set has
        momentum=0.9,
        # over all replicas, so that results do not depend on their number
        synchronized=True,
        name=f"{name}_bn{part}",
    )
    return normalize(x)


def _check_image(given: BackboneInput) -> None:
    shape = given.single_spec().shape
    if shape.rank != 3 and not given.is_text:
        raise UserError(
            "A ResNet needs images of shape (height, width, channels), got "
            f"{tuple(shape)}: {OTHER_BACKBONE}."
        )
