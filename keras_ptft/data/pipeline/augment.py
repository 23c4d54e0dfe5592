"""Random changes to training examples, the same at each visit of a step.

A row takes (inputs, seeds) and its settings. `seeds` holds the seed, the
epoch and the number of each example, and nothing else decides the change:
no state, no order of threads.
"""

import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.errors import UserError, check_range

# numbers set aside for each text, so that its length changes none
_MOST_TOKENS = 2**16


def none(images: tf.Tensor, seeds: tf.Tensor, /) -> tf.Tensor:
    """Leaves the images as they are."""
    del seeds
    return images


def flip(images: tf.Tensor, seeds: tf.Tensor, /) -> tf.Tensor:
    """Mirrors every other image, left to right."""
    _check_images(images)
    mirrored = draw(seeds, 3)[:, 2] < 0.5
    return tf.where(
        mirrored[:, None, None, None], tf.reverse(images, [2]), images
    )


def shift(
    images: tf.Tensor, seeds: tf.Tensor, /, *, padding: int = 2
) -> tf.Tensor:
    """Pads with zeros, then cuts out at a random place.

    Args:
        padding: most pixels by which an image moves to each side.
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
        padding: most pixels by which an image moves to each side.
    """
    return shift(flip(images, seeds), seeds, padding=padding)


def drop_tokens(
    ids: tf.Tensor, seeds: tf.Tensor, /, *, rate: float = 0.1
) -> tf.Tensor:
    """Takes tokens out of texts and leaves gaps (Iyyer et al. 2015).

    Args:
        rate: share of the tokens, from 0 to less than 1.
    """
    check_range("rate", rate, 0.0, 0.99)
    if ids.dtype != tf.int32 or ids.shape.rank not in (2, 3):
        raise UserError(
            "Augmentation 'drop_tokens' needs texts, got "
            f"{ids.dtype.name} of shape {tuple(ids.shape[1:])}: use "
            "--augment=none."
        )
    kept = draw(seeds, tf.shape(ids)[1], _MOST_TOKENS) >= rate
    if ids.shape.rank == 3:
        kept = kept[..., None]
    return tf.where(kept, ids, 0)


AUGMENTATIONS = {
    "none": none,
    "drop_tokens": drop_tokens,
    "flip": flip,
    "shift": shift,
    "flip_crop": flip_crop,
}


def _check_images(images: tf.Tensor) -> None:
    if images.shape.rank != 4:
        raise UserError(
            "Augmentation needs images of shape (height, width, channels), "
            f"got {tuple(images.shape[1:])}: use --augment=none."
        )
