"""From the bytes of an image file to its pixels, by graph operations.

Decoding is our own because no library does it by graph operations: the
same ones run in training and inside a SavedModel, without Python.
"""

from functools import partial

import tensorflow as tf

from keras_ptft.data.core.info import WHITE, Color
from keras_ptft.data.images.formats import MOST_PIXELS
from keras_ptft.data.images.gif import on_background
from keras_ptft.data.images.headers import (
    GRAPH_STARTS,
    by_kind,
    byte_at,
    declared_pixels,
    jpeg_exif,
    png_chunk,
)
from keras_ptft.data.images.orientation import upright
from keras_ptft.data.images.pixels import (
    eight_bits,
    in_channels,
    is_opaque,
    laid_on,
)

# of all that turns a stored image into a model's input: raise it when a pixel
# may change, or cached features of the old pixels are read
PREPROCESSING_VERSION = 2


def decode_pixels(
    encoded: tf.Tensor, channels: int, background: Color = WHITE
) -> tf.Tensor:
    """Decodes a JPEG, PNG, BMP or GIF (its first frame) at its own size.

    JPEGs and PNGs are turned upright by their EXIF orientation.
    Transparency is laid on the background, before colours become grey.
    16-bit PNGs are scaled by what they hold (see `eight_bits`), and CMYK
    becomes RGB. It runs inside `tf.map_fn` and SavedModels.

    Args:
        encoded: scalar string tensor, the bytes of the file.
        channels: 1 for grey, 3 for colour.
        background: the colour where the image is transparent.

    Returns:
        uint8 tensor of shape (height, width, channels).

    Raises:
        tf.errors.InvalidArgumentError: another kind of file, a damaged one,
            or one that declares more than MOST_PIXELS.
    """
    pixels = declared_pixels(encoded)
    allowed = (pixels > 0) & (pixels <= MOST_PIXELS)
    # no bytes are refused like a damaged file, before memory is allocated
    encoded = tf.where(allowed, encoded, b"")
    of_kinds = [
        partial(decode_kind, encoded, start, channels, background)
        for start in GRAPH_STARTS
    ]
    # of another kind, TensorFlow says why it cannot
    decoded = by_kind(encoded, *of_kinds, lambda: _decoded(encoded, channels))
    return tf.ensure_shape(decoded, (None, None, channels))


def decode_kind(
    encoded: tf.Tensor, start: bytes, channels: int, background: Color = WHITE
) -> tf.Tensor:
    """Decodes an image whose kind is known, by a graph of that kind alone.

    Args:
        encoded: as `decode_pixels` takes it, of a file that declares no more
            than MOST_PIXELS.
        start: how its kind begins, one of GRAPH_STARTS.
        channels: 1 for grey, 3 for colour.
        background: the colour where the image is transparent.

    Returns:
        uint8 tensor of shape (height, width, channels).
    """
    decode = _DECODERS[start]
    return tf.ensure_shape(
        decode(encoded, channels, background), (None, None, channels)
    )


def _decoded(
    encoded: tf.Tensor, channels: int, dtype: tf.DType = tf.uint8
) -> tf.Tensor:
    pixels = tf.io.decode_image(
        encoded, channels, dtype, expand_animations=False
    )
    return tf.ensure_shape(pixels, (None, None, channels or None))


def _jpeg(encoded: tf.Tensor, channels: int, _: Color) -> tf.Tensor:
    if channels == 1:
        # libjpeg does not convert CMYK to grey
        pixels = tf.cond(
            tf.io.extract_jpeg_shape(encoded)[2] == 4,
            lambda: tf.image.rgb_to_grayscale(_decoded(encoded, 3)),
            lambda: _decoded(encoded, 1),
        )
    else:
        pixels = _decoded(encoded, channels)
    return upright(pixels, jpeg_exif(encoded))


def _png(encoded: tf.Tensor, channels: int, background: Color) -> tf.Tensor:
    pixels, lost_bits = tf.cond(
        byte_at(encoded, 24) == 16,
        lambda: eight_bits(_stored_png(encoded, tf.uint16)),
        lambda: (_stored_png(encoded, tf.uint8), 8),
    )
    if channels == 3:
        pixels = laid_on(pixels, background)
    else:
        is_colour = tf.shape(pixels)[2] > 2
        pixels = tf.cond(
            is_colour & is_opaque(pixels) & (lost_bits == 8),
            # libpng knows of gamma
            lambda: _decoded(encoded, 1),
            lambda: _png_grey(laid_on(pixels, background)),
        )
    return upright(pixels, png_chunk(encoded, b"eXIf"))


def _stored_png(encoded: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Decodes with the channels of the file: 1, 2, 3 or 4.

    TensorFlow leaves out the one transparent colour of grey and RGB unless
    4 channels are asked for. They cannot be asked for always: where there
    is no transparency, those of less than 8 bits get a wrong alpha.
    """
    return tf.cond(
        tf.strings.length(png_chunk(encoded, b"tRNS")) > 0,
        lambda: _decoded(encoded, 4, dtype),
        lambda: _decoded(encoded, 0, dtype),
    )


def _png_grey(colour: tf.Tensor) -> tf.Tensor:
    """Converts RGB to grey as libpng does, which differs by 1 at most."""
    parts = tf.cast(colour, tf.int32) * [9797, 19234, 3737]
    return tf.cast(tf.reduce_sum(parts, 2, keepdims=True) // 2**15, tf.uint8)


# TensorFlow converts the colours of JPEG and PNG only
def _bmp(encoded: tf.Tensor, channels: int, background: Color) -> tf.Tensor:
    return in_channels(laid_on(_stored_bmp(encoded), background), channels)


def _stored_bmp(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes with the palette, which TensorFlow ignores, and the alpha."""
    pixels = _decoded(encoded, 0)

    def from_palette() -> tf.Tensor:
        start = 14 + _integer(encoded, 14)
        size = _integer(encoded, 10) - start
        palette = tf.strings.substr(encoded, start, size)
        palette = tf.reshape(tf.io.decode_raw(palette, tf.uint8), (-1, 4))
        # blue, green, red, unused
        return tf.gather(palette[:, 2::-1], tf.cast(pixels[..., 0], tf.int32))

    # the fourth byte of a pixel is alpha, or unused and 0
    is_unused = (tf.shape(pixels)[2] == 4) & tf.reduce_all(pixels[..., -1] == 0)
    opaque = tf.cond(is_unused, lambda: pixels[..., :3], lambda: pixels)
    return tf.cond(tf.shape(pixels)[2] == 1, from_palette, lambda: opaque)


def _integer(encoded: tf.Tensor, start: int) -> tf.Tensor:
    number = tf.strings.substr(encoded, start, 4)
    return tf.io.decode_raw(number, tf.int32)[0]


def _gif(encoded: tf.Tensor, channels: int, background: Color) -> tf.Tensor:
    pixels = _decoded(on_background(encoded, background), 0)
    return in_channels(laid_on(pixels, background), channels)


_DECODERS = dict(zip(GRAPH_STARTS, (_jpeg, _png, _bmp, _gif), strict=True))
