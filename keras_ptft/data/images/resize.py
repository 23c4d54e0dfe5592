"""From image files to squares, alike in training and serving."""

import tensorflow as tf

from keras_ptft.data.core.info import WHITE, Color
from keras_ptft.data.images.decoding import decode_pixels


def decode_image(
    encoded: tf.Tensor, size: int, channels: int, background: Color = WHITE
) -> tf.Tensor:
    """Decodes an image and resizes it to a square.

    Exported models do so, and `read_image` does the same for their formats,
    so that a model gets the same pixels everywhere. It runs inside
    `tf.map_fn` and SavedModels.

    Args:
        encoded: scalar string tensor, the bytes of a JPEG, PNG, BMP or GIF.
        size: side of the square in pixels.
        channels: 1 for grey, 3 for colour.
        background: the colour where the image is transparent.

    Returns:
        uint8 tensor of shape (size, size, channels).

    Example:

    >>> png = tf.io.encode_png(tf.fill((2, 4, 3), tf.constant(7, tf.uint8)))
    >>> decode_image(png, 3, 1)[..., 0].numpy().tolist()
    [[7, 7, 7], [7, 7, 7], [7, 7, 7]]
    """
    return resize_images(decode_pixels(encoded, channels, background), size)


def resize_images(images: tf.Tensor, size: int) -> tf.Tensor:
    """Resizes images to squares, bilinearly, with antialiasing.

    Args:
        images: uint8 or float32 of shape (..., height, width, channels),
            with or without a batch axis.
        size: side of the square in pixels.

    Returns:
        Tensor of the same dtype; uint8 is rounded, not truncated.

    Example:

    >>> image = tf.constant([[[0], [255]]], tf.uint8)
    >>> resize_images(image, 4)[0, :, 0].numpy().tolist()
    [0, 64, 191, 255]
    """
    images = tf.convert_to_tensor(images)
    if images.shape[-3:-1].as_list() == [size, size]:
        return images
    resized = tf.image.resize(images, (size, size), antialias=True)
    if images.dtype != tf.uint8:
        return resized
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
