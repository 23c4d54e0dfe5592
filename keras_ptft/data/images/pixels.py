"""Depth, opacity and channels of decoded images."""

import tensorflow as tf

from keras_ptft.data.core.info import Color


def eight_bits(pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Scales 16-bit pixels by what they hold.

    Cameras and scanners of 10, 12 or 14 bits write 16-bit files, often
    without a word of how many bits count. The least of 8, 10, 12, 14 and
    16 bits that hold the largest value of a colour are scaled to 8 bits;
    opacity always has 16.

    Args:
        pixels: uint16 of shape (height, width, channels): grey, grey and
            alpha, RGB or RGBA.

    Returns:
        uint8 tensor of the same shape, and the bits left out, from 0 to 8.

    Example:

    >>> pixels, bits = eight_bits(tf.constant([[[4095], [256]]], tf.uint16))
    >>> pixels.numpy().ravel().tolist(), int(bits)
    ([255, 16], 4)
    """
    channels = tf.range(tf.shape(pixels)[2])
    is_alpha = (channels % 2 == 1) & (channels == tf.shape(pixels)[2] - 1)
    colours = tf.boolean_mask(pixels, ~is_alpha, axis=2)
    largest = tf.cast(tf.reduce_max(colours), tf.int32)
    bits = 2 * tf.math.count_nonzero(
        largest >= [2**8, 2**10, 2**12, 2**14], dtype=tf.int32
    )
    shifts = tf.cast(tf.where(is_alpha, 8, bits), tf.uint16)
    scaled = tf.bitwise.right_shift(pixels, shifts)
    return tf.cast(scaled, tf.uint8), bits


def is_opaque(pixels: tf.Tensor) -> tf.Tensor:
    """Whether nothing shows through an image.

    Args:
        pixels: uint8 of shape (height, width, channels): grey, grey and
            alpha, RGB or RGBA.
    """
    return (tf.shape(pixels)[2] % 2 == 1) | tf.reduce_all(
        pixels[..., -1] == 255
    )


def laid_on(pixels: tf.Tensor, background: Color) -> tf.Tensor:
    """Lays an image on a colour, which shows where it is transparent.

    Args:
        pixels: uint8 of shape (height, width, channels): grey, grey and
            alpha, RGB or RGBA.
        background: the colour.

    Returns:
        uint8 RGB of shape (height, width, 3), rounded.

    Example:

    >>> ink = tf.constant([[[0, 255], [0, 128], [0, 0]]], tf.uint8)
    >>> laid_on(ink, (255, 255, 255))[0, :, 0].numpy().tolist()
    [0, 127, 255]
    """
    count = tf.shape(pixels)[2]

    def opaque() -> tf.Tensor:
        colours = pixels[..., : count - (count + 1) % 2]
        return tf.broadcast_to(colours, (*tf.unstack(tf.shape(pixels))[:2], 3))

    def mixed() -> tf.Tensor:
        alpha = tf.cast(pixels[..., -1:], tf.uint16)
        ink = tf.cast(pixels[..., :-1], tf.uint16) * alpha
        ground = tf.constant(background, tf.uint16) * (255 - alpha)
        # at most 65,152, and rounded, as halves cannot be
        return tf.cast((ink + ground + 127) // 255, tf.uint8)

    return tf.cond(is_opaque(pixels), opaque, mixed)


def in_channels(colour: tf.Tensor, channels: int) -> tf.Tensor:
    """Converts RGB to grey where 1 channel is wanted instead of 3."""
    return colour if channels == 3 else tf.image.rgb_to_grayscale(colour)
