"""Random changes to training examples, reproducible at each step.

A row takes (inputs, seeds) and its settings. `seeds` holds the seed, the
epoch and the index of each example; a change depends on nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.errors import UserError, check_range

# numbers reserved for each text, so that they do not depend on its length
_MAX_TOKENS = 2**16


def none(images: Any, seeds: tf.Tensor, /) -> Any:
    """Leaves the images unchanged."""
    del seeds
    return images


def flip(images: tf.Tensor, seeds: tf.Tensor, /) -> tf.Tensor:
    """Mirrors images left to right, with probability 1/2."""
    _check_images(images)
    mirrored = draw(seeds, 3)[:, 2] < 0.5
    return tf.where(
        mirrored[:, None, None, None], tf.reverse(images, [2]), images
    )


def shift(
    images: tf.Tensor, seeds: tf.Tensor, /, *, padding: int = 2
) -> tf.Tensor:
    """Pads with zeros, then crops at a random position.

    Args:
        padding: maximum shift to each side in pixels.
    """
    _check_images(images)
    check_range("padding", padding, 0)
    height, width = images.shape[1:3]
    offsets = tf.cast(draw(seeds, 3)[:, :2] * (2 * padding + 1), tf.int32)
    sides = [padding, padding]
    padded = tf.pad(images, [[0, 0], sides, sides, [0, 0]])
    rows = offsets[:, :1] + tf.range(height)
    columns = offsets[:, 1:] + tf.range(width)
    moved = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(moved, columns, axis=2, batch_dims=1)


def flip_crop(
    images: tf.Tensor, seeds: tf.Tensor, /, *, padding: int = 4
) -> tf.Tensor:
    """Flip and shift, the usual recipe for CIFAR (He et al. 2016).

    Args:
        padding: maximum shift to each side in pixels.
    """
    return shift(flip(images, seeds), seeds, padding=padding)


def drop_tokens(
    ids: tf.Tensor, seeds: tf.Tensor, /, *, rate: float = 0.1
) -> tf.Tensor:
    """Replaces random tokens by padding (Iyyer et al. 2015).

    Args:
        rate: fraction of the tokens, from 0 to less than 1.
    """
    check_range("rate", rate, 0.0, 0.99)
    if isinstance(ids, Mapping) or (
        ids.dtype != tf.int32 or ids.shape.rank not in (2, 3)
    ):
        raise UserError(
            f"Augmentation 'drop_tokens' needs texts, got {_described(ids)}: "
            "use --augment=none."
        )
    kept = draw(seeds, tf.shape(ids)[1], _MAX_TOKENS) >= rate
    if ids.shape.rank == 3:
        kept = kept[..., None]
    return tf.where(kept, ids, 0)


AUGMENTATIONS: dict[str, Callable[..., Any]] = {
    "none": none,
    "drop_tokens": drop_tokens,
    "flip": flip,
    "shift": shift,
    "flip_crop": flip_crop,
}


def _check_images(images: Any) -> None:
    if isinstance(images, Mapping) or images.shape.rank != 4:
        raise UserError(
            "Augmentation needs images of shape (height, width, channels), "
            f"got {_described(images)}: use --augment=none."
        )


def _described(inputs: Any) -> str:
    if isinstance(inputs, Mapping):
        return f"the inputs {', '.join(inputs)}"
    return f"{inputs.dtype.name} of shape {tuple(inputs.shape[1:])}"
