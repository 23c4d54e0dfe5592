"""From image files to squares, alike in training and serving."""

import functools
from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

from keras_ptft.data.core.info import DEFAULT_FORM, STRETCH, ImageForm
from keras_ptft.data.images.decoding import decode_pixels
from keras_ptft.errors import UserError
from keras_ptft.registry import lookup

Cut: TypeAlias = Callable[[tf.Tensor, int], tf.Tensor]
"""Images, and the side they are to have → the part of them to be resized."""


def stretch() -> Cut:
    """The whole image, whatever its sides are: shapes are stretched."""

    def whole(images: tf.Tensor, size: int) -> tf.Tensor:
        del size
        return images

    return whole


def crop(*, share: float = 1.0) -> Cut:
    """The middle square, so that shapes stay as they are.

    Models of ImageNet are scored on a share of 0.875: the shorter side is
    resized to 256 pixels, of which the middle 224 are taken. An image that
    is of the image size already is taken as it is: it was cut by whoever
    made it.

    Args:
        share: side of the square, as a share of the image's shorter side.

    Raises:
        UserError: a share that is not above 0, or above 1.
    """
    if not 0 < share <= 1:
        raise UserError(
            "The share of --resize=crop must be above 0 and at most 1, got "
            f"{share}: correct it."
        )

    def middle(images: tf.Tensor, size: int) -> tf.Tensor:
        sides = tf.shape(images)[-3:-1]
        # float64 has every product that Python has
        part = share * tf.cast(tf.reduce_min(sides), tf.float64)
        side = tf.maximum(tf.cast(tf.round(part), tf.int32), 1)
        side = tf.where(tf.reduce_all(sides == size), size, side)
        top, left = tf.unstack((sides - side) // 2)
        return images[..., top : top + side, left : left + side, :]

    return middle


RESIZES: dict[str, Callable[..., Cut]] = {"stretch": stretch, "crop": crop}


def check_resize(resize: str, size: int) -> None:
    """Raises a UserError if images are to be cut and keep their size.

    Args:
        resize: an entry of RESIZES with its settings.
        size: side of the squares in pixels; 0: as stored.
    """
    if not size and resize != STRETCH:
        raise UserError(
            f"--resize={resize} makes squares of --image_size, which is not "
            "set: set it."
        )


@functools.cache
def cut_of(resize: str) -> Cut:
    """Returns what an entry of RESIZES cuts from images.

    Args:
        resize: the entry with its settings.

    Raises:
        UserError: no such entry or setting of one.
    """
    return lookup(RESIZES, resize, "way to resize")()


def encoding_of(resize: str) -> bytes:
    """Returns what tells images that were cut from the same, stretched.

    Hashes are of images as they are stored.

    Args:
        resize: an entry of RESIZES with its settings.
    """
    return b"" if resize == STRETCH else resize.encode()


def decode_image(
    encoded: tf.Tensor, size: int, channels: int, form: ImageForm = DEFAULT_FORM
) -> tf.Tensor:
    """Decodes an image and resizes it to a square.

    Exported models do so, and `read_image` does the same for their formats,
    so that a model gets the same pixels everywhere. It runs inside
    `tf.map_fn` and SavedModels.

    Args:
        encoded: scalar string tensor, the bytes of a JPEG, PNG, BMP or GIF.
        size: side of the square in pixels.
        channels: 1 for grey, 3 for colour.
        form: the colour where the image is transparent, and how it becomes
            a square.

    Returns:
        uint8 tensor of shape (size, size, channels).

    Example:

    >>> png = tf.io.encode_png(tf.fill((2, 4, 3), tf.constant(7, tf.uint8)))
    >>> decode_image(png, 3, 1)[..., 0].numpy().tolist()
    [[7, 7, 7], [7, 7, 7], [7, 7, 7]]
    """
    pixels = decode_pixels(encoded, channels, form.background)
    return resize_images(pixels, size, form.resize)


def resize_images(
    images: tf.Tensor, size: int, resize: str = STRETCH
) -> tf.Tensor:
    """Resizes images to squares, bilinearly, with antialiasing.

    Args:
        images: uint8 or float32 of shape (..., height, width, channels),
            with or without a batch axis.
        size: side of the square in pixels.
        resize: what of them, an entry of RESIZES.

    Returns:
        Tensor of the same dtype; uint8 is rounded, not truncated.

    Example:

    >>> image = tf.constant([[[0], [255]]], tf.uint8)
    >>> resize_images(image, 4)[0, :, 0].numpy().tolist()
    [0, 64, 191, 255]
    >>> resize_images(image, 4, "crop")[0, :, 0].numpy().tolist()
    [0, 0, 0, 0]
    """
    images = tf.convert_to_tensor(images)
    if images.shape[-3:-1].as_list() == [size, size]:
        return images
    part = cut_of(resize)(images, size)
    resized = tf.image.resize(part, (size, size), antialias=True)
    if images.dtype != tf.uint8:
        return resized
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
