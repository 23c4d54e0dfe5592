"""Vision transformers: attention among patches of an image."""

from typing import Any

import keras
from keras import layers

from keras_ptft.errors import UserError
from keras_ptft.models import tokens
from keras_ptft.models.backbone_input import OTHER_BACKBONE, BackboneInput
from keras_ptft.models.normalization import preprocess
from keras_ptft.models.patches import (
    POSITIONS,
    check_position_width,
    grid_positions,
    side_of_patch,
)
from keras_ptft.models.transformer import (
    check_sizes,
    normalized,
    residual_block,
)


def vit(
    given: BackboneInput,
    /,
    *,
    patch: int = 0,
    width: int = 128,
    depth: int = 4,
    heads: int = 4,
    ratio: int = 4,
    dropout: float = 0.0,
) -> keras.Model:
    """A vision transformer: attention among patches of an image.

    Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", in the form of
    Beyer et al. 2022, "Better plain ViT baselines for ImageNet-1k": fixed
    positions of sines and cosines, and the mean of all patches as features.
    Each part of a block normalises its input. Their ViT-S/16 is
    `patch=16, width=384, depth=12, heads=6`.

    Args:
        given: one image, of shape (height, width, channels).
        patch: side of a patch in pixels; 0: the largest of 16, 8, 4, 2 and
            1 that divides the image into at least 7 × 7 patches.
        width: of a patch's vector, in every block; a multiple of 4.
        depth: number of blocks.
        heads: number of attention heads, each width / heads wide.
        ratio: width of the hidden dense layers, as a multiple of `width`.
        dropout: rate on what each part of a block adds.

    Returns:
        Model "backbone" from raw input to features of shape (batch, width),
        with the cut points patches, positions, block1, block2, ..., norm,
        features.

    Raises:
        UserError: not an image, or a setting out of its range.

    Example:

    >>> import tensorflow as tf
    >>> image = tf.TensorSpec((28, 28, 1), tf.uint8, "image")
    >>> vit(BackboneInput(image)).count_params()
    795520
    """
    check_sizes(width, depth, heads, ratio, dropout)
    check_position_width(width)
    side = _side_of_patch(given, patch)
    inputs, x = preprocess(given)
    x = layers.Conv2D(width, side, strides=side, name="patches_conv")(x)
    columns = x.shape[2]
    x = layers.Reshape((-1, width), name="patches")(x)
    x = layers.Add(name=POSITIONS)([x, grid_positions(x, columns)])
    sizes: dict[str, Any] = {"heads": heads, "ratio": ratio}
    for i in range(1, depth + 1):
        name = f"block{i}"
        x = residual_block(x, name, last=name, dropout=dropout, **sizes)
    x = normalized(x, "norm")
    x = layers.GlobalAveragePooling1D(name="features")(x)
    return tokens.backbone(inputs, x)


def _side_of_patch(given: BackboneInput, patch: int) -> int:
    """The side of a patch in pixels, which divides the image."""
    shape = given.single_spec().shape
    if shape.rank != 3 or given.is_text:
        raise UserError(
            "A ViT needs images of shape (height, width, channels), got "
            f"{tuple(shape)}: {OTHER_BACKBONE}."
        )
    return side_of_patch(shape[0], shape[1], patch)
