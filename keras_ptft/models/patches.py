"""Images as patches: their size, their places, and some of them alone."""

from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_ptft.errors import UserError, check_range
from keras_ptft.models.transformer import sinusoid

POSITIONS = "positions"
"""The layer of a backbone after which each patch knows its place."""

# where the side of a patch is chosen: from the largest on, the first that
# divides the image and leaves this many along each side
_SIDES = (16, 8, 4, 2, 1)
_FEWEST = 7


def side_of_patch(height: int, width: int, patch: int) -> int:
    """Returns the side of a patch in pixels, which divides an image.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        patch: the side; 0: the largest of 16, 8, 4, 2 and 1 that divides the
            image into at least 7 × 7 patches.

    Raises:
        UserError: `patch` does not divide the image.

    Example:

    >>> side_of_patch(28, 28, 0)
    4
    """
    check_range("patch", patch, 0)
    if patch and not (height % patch or width % patch):
        return patch
    if patch:
        raise UserError(
            f"Setting 'patch' must divide the {height}×{width} pixels of an "
            f"image, got {patch}: use another, or --image_size="
            f"{max(height // patch, 1) * patch}."
        )
    smallest = min(height, width)
    return next(
        side
        for side in _SIDES
        if not (height % side or width % side)
        and (smallest // side >= _FEWEST or side == 1)
    )


def cut_into_patches(images: tf.Tensor, side: int) -> tf.Tensor:
    """Cuts images into patches, row by row.

    Args:
        images: of shape (batch, height, width, channels).
        side: of a patch in pixels.

    Returns:
        Tensor of shape (batch, patches, side * side * channels).
    """
    height, width, channels = images.shape[1:]
    rows, columns = height // side, width // side
    x = tf.reshape(images, [-1, rows, side, columns, side, channels])
    x = tf.transpose(x, [0, 1, 3, 2, 4, 5])
    return tf.reshape(x, [-1, rows * columns, side * side * channels])


def grid_positions(x: keras.KerasTensor, columns: int) -> keras.KerasTensor:
    """Encodes rows in the first half of a vector, columns in the second.

    Args:
        x: (batch, rows * columns, width), the width a multiple of 4.
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


def check_position_width(width: int) -> None:
    """Raises a UserError unless a vector can hold rows and columns."""
    if width % 4:
        raise UserError(
            "Setting 'width' must be a multiple of 4, to hold the positions "
            f"of rows and columns, got {width}: use {width // 4 * 4 or 4}."
        )


def patch_count(backbone: keras.Model) -> int | None:
    """Returns how many patches a backbone reads; None: it has none."""
    for layer in backbone.layers:
        if layer.name == POSITIONS and len(layer.output.shape) == 3:
            return layer.output.shape[1]
    return None


def see_patches(
    backbone: keras.Model, image: keras.KerasTensor, kept: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Runs a backbone on some patches of each image alone.

    What is left out is left out of the work, too. Variables are shared.

    Args:
        backbone: with the layer "positions"; see `patch_count`.
        image: the input, of the shape and dtype that the backbone takes.
        kept: int32 of shape (batch, kept), which patches it sees.

    Returns:
        The vectors of the patches, (batch, kept, width), and the features
        that the backbone makes of them, (batch, features).
    """
    vectors = [x.output for x in backbone.layers if len(x.output.shape) == 3]
    inputs = [backbone.inputs[0], kept]
    # Keras 3.12 has no model with an input that nothing reads
    places = ops.expand_dims(kept, -1)
    seen = keras.models.clone_model(
        keras.Model(inputs, [vectors[-1], backbone.output]),
        [image, kept],
        clone_function=lambda layer: layer,
        call_function=partial(_call, places),
    )
    patches, features = seen.outputs
    return patches, features


def _call(
    places: keras.KerasTensor, operation: Any, *args: Any, **kwargs: Any
) -> Any:
    """Calls an operation, and takes what is kept where places are known."""
    outputs = operation(*args, **kwargs)
    if operation.name != POSITIONS:
        return outputs
    return ops.take_along_axis(outputs, places, axis=1)
