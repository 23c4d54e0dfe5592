"""Reads image files of every format, alike in training and prediction."""

import functools
from collections.abc import Callable

import tensorflow as tf

from keras_ptft.data.core.info import DEFAULT_FORM, WHITE, Color, ImageForm
from keras_ptft.data.images.decoding import decode_kind, decode_pixels
from keras_ptft.data.images.headers import GRAPH_STARTS
from keras_ptft.data.images.other_formats import decode_other
from keras_ptft.data.images.pixels import in_channels, laid_on
from keras_ptft.data.images.resize import resize_images


def read_image(
    encoded: tf.Tensor,
    size: int,
    channels: int,
    form: ImageForm = DEFAULT_FORM,
    kind: bytes = b"",
) -> tf.Tensor:
    """Reads an image of any format and resizes it to a square.

    Args:
        encoded: scalar string tensor, the bytes of the file.
        size: side of the square in pixels.
        channels: 1 for grey, 3 for colour.
        form: the colour where the image is transparent, and how it becomes
            a square.
        kind: as `read_pixels` takes it.

    Returns:
        uint8 tensor of shape (size, size, channels).

    Raises:
        tf.errors.InvalidArgumentError: as `read_pixels`.
    """
    pixels = read_pixels(encoded, channels, form.background, kind)
    return resize_images(pixels, size, form.resize)


def read_pixels(
    encoded: tf.Tensor,
    channels: int,
    background: Color = WHITE,
    kind: bytes = b"",
) -> tf.Tensor:
    """Decodes an image of any format at its own size.

    JPEG, PNG, BMP and GIF are decoded by `decode_pixels`, as exported models
    do, the other formats by Python. So it runs inside `tf.map_fn` and
    `Dataset.map`, and not in a SavedModel.

    Args:
        encoded: scalar string tensor, the bytes of the file.
        channels: 1 for grey, 3 for colour.
        background: the colour where the image is transparent.
        kind: how all files begin that will be read and were read before,
            one of GRAPH_STARTS; empty: of any kind. A graph of one kind is
            made and run faster.

    Returns:
        uint8 tensor of shape (height, width, channels).

    Raises:
        tf.errors.InvalidArgumentError: no image, a damaged one, or one that
            declares more than MOST_PIXELS.
    """
    return _reader(channels, background, kind)(encoded)


@functools.cache
def _reader(
    channels: int, background: Color, kind: bytes
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function that is traced once, since that takes a second."""

    def read(encoded: tf.Tensor) -> tf.Tensor:
        if kind:
            return decode_kind(encoded, kind, channels, background)
        start = tf.strings.substr(encoded, 0, 2)
        pixels = tf.cond(
            tf.reduce_any(start == tf.constant(GRAPH_STARTS)),
            lambda: decode_pixels(encoded, channels, background),
            lambda: in_channels(laid_on(_other(encoded), background), channels),
        )
        return tf.ensure_shape(pixels, (None, None, channels))

    with tf.init_scope():
        graph = tf.function(read, autograph=False)
        return graph.get_concrete_function(tf.TensorSpec((), tf.string))


def _other(encoded: tf.Tensor) -> tf.Tensor:
    # as a stateful operation it would wait for the image before
    pixels = tf.numpy_function(
        decode_other, [encoded], tf.uint8, stateful=False
    )
    return tf.ensure_shape(pixels, (None, None, None))
