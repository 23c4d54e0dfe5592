"""Vision transformers: attention among patches of an image."""

from typing import Any

import keras
from keras import layers, ops

from keras_ptft.errors import UserError, check_range
from keras_ptft.models import tokens
from keras_ptft.models.backbone_input import OTHER_BACKBONE, BackboneInput
from keras_ptft.models.normalization import preprocess
from keras_ptft.models.transformer import (
    check_sizes,
    normalized,
    residual_block,
    sinusoid,
)

# where the side of a patch is chosen: from the largest on, the first that
# divides the image and leaves this many along each side
_SIDES = (16, 8, 4, 2, 1)
_FEWEST = 7


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
    _check_width(width)
    side = _side_of_patch(given, patch)
    inputs, x = preprocess(given)
    x = layers.Conv2D(width, side, strides=side, name="patches_conv")(x)
    columns = x.shape[2]
    x = layers.Reshape((-1, width), name="patches")(x)
    x = layers.Add(name="positions")([x, _positions(x, columns)])
    sizes: dict[str, Any] = {"heads": heads, "ratio": ratio}
    for i in range(1, depth + 1):
        name = f"block{i}"
        x = residual_block(x, name, last=name, dropout=dropout, **sizes)
    x = normalized(x, "norm")
    x = layers.GlobalAveragePooling1D(name="features")(x)
    return tokens.backbone(inputs, x)


def _positions(x: keras.KerasTensor, columns: int) -> keras.KerasTensor:
    """Encodes rows in the first half of a vector, columns in the second.

    Args:
        x: (batch, rows * columns, width).
        columns: number of patches in a row of the image.

    Returns:
        float32 of shape (1, rows * columns, width).
    """
    ones = ops.ones_like(x[:1, :, :1], "float32")
    index = ops.cumsum(ones, axis=1) - 1.0
    # half a patch ahead, since XLA's quotients may fall short of a whole one
    row = ops.floor((index + 0.5) / columns)
    halves = [
        sinusoid(position, x.shape[-1] // 2)
        for position in (row, index - row * columns)
    ]
    return ops.concatenate(halves, axis=-1)


def _check_width(width: int) -> None:
    if width % 4:
        raise UserError(
            "Setting 'width' must be a multiple of 4, to hold the positions "
            f"of rows and columns, got {width}: use {width // 4 * 4 or 4}."
        )


def _side_of_patch(given: BackboneInput, patch: int) -> int:
    """The side of a patch in pixels, which divides the image."""
    check_range("patch", patch, 0)
    shape = given.single_spec().shape
    if shape.rank != 3 or given.is_text:
        raise UserError(
            "A ViT needs images of shape (height, width, channels), got "
            f"{tuple(shape)}: {OTHER_BACKBONE}."
        )
    height, across = shape[:2]
    if patch and not (height % patch or across % patch):
        return patch
    if patch:
        raise UserError(
            f"Setting 'patch' must divide the {height}×{across} pixels of an "
            f"image, got {patch}: use another, or --image_size="
            f"{max(height // patch, 1) * patch}."
        )
    smallest = min(height, across)
    return next(
        side
        for side in _SIDES
        if not (height % side or across % side)
        and (smallest // side >= _FEWEST or side == 1)
    )
