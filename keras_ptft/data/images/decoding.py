"""Image files: the size in their headers, and their pixels.

Decoding is our own because no library does it by graph operations: the
same ones run in training and inside a SavedModel, without Python.
"""

import os
import pathlib
from collections.abc import Callable, Sequence

import tensorflow as tf

from keras_ptft.streams import silenced_stderr

# of all that turns a stored image into a model's input: raise it when a pixel
# may change, or cached features of the old pixels are read
PREPROCESSING_VERSION = 1
# suffixes of the files that `decode_pixels` reads
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
# 300 MB in colour, 1.2 GB while they are resized
MOST_PIXELS = 100_000_000
# of a BMP with as many pixels and an alpha channel
MOST_BYTES = 4 * MOST_PIXELS + 2**20

_STARTS = (b"\xff\xd8", b"\x89P", b"BM", b"GI")
# the first directory of EXIF: entries of 12 bytes, of which 0x112, a short,
# is the orientation, in either byte order
_EXIF = (
    r"^\C*?Exif\x00\x00(?:"
    r"II\*\x00\x08\x00\x00\x00\C\C(?:\C{12})*?"
    r"\x12\x01\x03\x00\x01\x00\x00\x00([\x01-\x08])|"
    r"MM\x00\*\x00\x00\x00\x08\C\C(?:\C{12})*?"
    r"\x01\x12\x00\x03\x00\x00\x00\x01\x00([\x01-\x08]))\C*$"
)
# bytes at the start of a file that hold its EXIF
_HEAD = 4096


def decode_pixels(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes a JPEG, PNG, BMP or GIF (its first frame) at its own size.

    JPEGs are rotated upright by their EXIF orientation. 16-bit PNGs keep
    the upper 8 bits, CMYK becomes RGB, and alpha is dropped. It runs inside
    `tf.map_fn` and SavedModels.

    Args:
        encoded: scalar string tensor, the bytes of the file.
        channels: 1 for grey, 3 for colour.

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
    decoded = _by_kind(
        encoded,
        lambda: _upright(_jpeg(encoded, channels), _orientation(encoded)),
        lambda: _decoded(encoded, channels),
        # TensorFlow converts the colours of JPEG and PNG only
        lambda: _converted(_bmp(encoded), channels),
        lambda: _converted(_decoded(encoded, 0), channels),
        lambda: _decoded(encoded, channels),
    )
    return tf.ensure_shape(decoded, (None, None, channels))


def declared_pixels(encoded: tf.Tensor) -> tf.Tensor:
    """Reads width times height from a file's header.

    Args:
        encoded: scalar string tensor, the bytes of the file.

    Returns:
        int64 scalar; 0 for other files than JPEG, PNG, BMP and GIF.

    Example:

    >>> png = tf.io.encode_png(tf.zeros((2, 4, 3), tf.uint8))
    >>> int(declared_pixels(png))
    8
    """

    def product(
        start: int, dtype: tf.DType, little_endian: bool = True
    ) -> tf.Tensor:
        sides = tf.strings.substr(encoded, start, 2 * dtype.size)
        sides = tf.io.decode_raw(sides, dtype, little_endian=little_endian)
        return tf.reduce_prod(tf.abs(tf.cast(sides, tf.int64)))

    return _by_kind(
        encoded,
        lambda: tf.reduce_prod(tf.io.extract_jpeg_shape(encoded, tf.int64)[:2]),
        lambda: product(16, tf.int32, little_endian=False),
        lambda: product(18, tf.int32),
        lambda: product(6, tf.uint16),
        lambda: tf.constant(0, tf.int64),
    )


def gif_pixels(encoded: bytes) -> int:
    """Counts the pixels of all frames of a GIF.

    TensorFlow decodes all of them, also where only the first is used.

    Raises:
        ValueError: the file ends before its last frame does.
    """
    at, pixels = 13 + _table_size(encoded, 10), 0
    while encoded[at : at + 1] in (b"!", b","):
        if encoded[at] == ord("!"):
            at = _after_blocks(encoded, at + 2)
            continue
        width = int.from_bytes(encoded[at + 5 : at + 7], "little")
        height = int.from_bytes(encoded[at + 7 : at + 9], "little")
        pixels += width * height
        at = _after_blocks(encoded, at + 11 + _table_size(encoded, at + 9))
    return pixels


def check_gif(encoded: bytes) -> bytes:
    """Returns the bytes of a file unchanged, if all its frames may be decoded.

    Raises:
        ValueError: a GIF that is cut short or has more than MOST_PIXELS.
    """
    if encoded[:2] == b"GI" and gif_pixels(encoded) > MOST_PIXELS:
        raise ValueError(f"more than {MOST_PIXELS} pixels in all frames")
    return encoded


def fault(path: str | os.PathLike) -> str:
    """Returns why an image file cannot be decoded, for an error message."""
    path = pathlib.Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            return f"it is larger than {MOST_BYTES >> 20} MB"
        encoded = path.read_bytes()
        if encoded[:2] == b"GI":
            pixels = gif_pixels(encoded)
        else:
            # libjpeg writes about damaged files to standard error
            with silenced_stderr():
                pixels = int(declared_pixels(tf.constant(encoded)))
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, tf.errors.OpError):
        return "it is damaged"
    if pixels > MOST_PIXELS:
        return f"it declares {pixels:,} pixels, over {MOST_PIXELS:,}"
    if not encoded:
        return "it is empty"
    if encoded[:2] not in _STARTS:
        return "it is no JPEG, PNG, BMP or GIF"
    return "it is damaged"


def _by_kind(
    encoded: tf.Tensor, *branches: Callable[[], tf.Tensor]
) -> tf.Tensor:
    """Runs the branch of the file's kind, or the last for other kinds."""
    found = tf.strings.substr(encoded, 0, 2) == tf.constant(_STARTS)
    known = tf.argmax(tf.cast(found, tf.int32), output_type=tf.int32)
    index = tf.where(tf.reduce_any(found), known, len(_STARTS))
    return tf.switch_case(index, branches)


def _decoded(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    pixels = tf.io.decode_image(encoded, channels, expand_animations=False)
    return tf.ensure_shape(pixels, (None, None, channels or None))


def _jpeg(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    if channels != 1:
        return _decoded(encoded, channels)
    # libjpeg does not convert CMYK to grey
    return tf.cond(
        tf.io.extract_jpeg_shape(encoded)[2] == 4,
        lambda: tf.image.rgb_to_grayscale(_decoded(encoded, 3)),
        lambda: _decoded(encoded, 1),
    )


def _bmp(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes with the colours of the palette, which TensorFlow ignores."""
    pixels = _decoded(encoded, 0)

    def from_palette() -> tf.Tensor:
        start = 14 + _integer(encoded, 14)
        size = _integer(encoded, 10) - start
        palette = tf.strings.substr(encoded, start, size)
        palette = tf.reshape(tf.io.decode_raw(palette, tf.uint8), (-1, 4))
        # blue, green, red, unused
        return tf.gather(palette[:, 2::-1], tf.cast(pixels[..., 0], tf.int32))

    return tf.cond(tf.shape(pixels)[2] == 1, from_palette, lambda: pixels)


def _integer(encoded: tf.Tensor, start: int) -> tf.Tensor:
    number = tf.strings.substr(encoded, start, 4)
    return tf.io.decode_raw(number, tf.int32)[0]


def _converted(pixels: tf.Tensor, channels: int) -> tf.Tensor:
    """Converts grey, RGB or RGBA to grey or RGB."""
    colour = pixels[..., :3] + tf.zeros((1, 1, 3), tf.uint8)
    return colour if channels == 3 else tf.image.rgb_to_grayscale(colour)


def _orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Reads a JPEG's EXIF orientation, from 1 (as stored) to 8."""
    head = tf.strings.substr(encoded, 0, _HEAD)
    found = tf.strings.regex_replace(head, _EXIF, r"\1\2")
    number = tf.cast(tf.io.decode_raw(found, tf.uint8)[0], tf.int32)
    return tf.where(tf.strings.length(found) == 1, number, 1)


def _upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    def change_if(
        orientations: Sequence[int], change: Callable[[tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        return tf.cond(
            tf.reduce_any(orientation == tf.constant(orientations)),
            lambda: change(pixels),
            lambda: pixels,
        )

    pixels = change_if((5, 6, 7, 8), lambda x: tf.transpose(x, (1, 0, 2)))
    pixels = change_if((2, 3, 6, 7), lambda x: x[:, ::-1])
    return change_if((3, 4, 7, 8), lambda x: x[::-1])


def _table_size(encoded: bytes, at: int) -> int:
    """Bytes of a GIF's colour table, by the flags at an offset."""
    flags = encoded[at] if at < len(encoded) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(encoded: bytes, at: int) -> int:
    """The offset after a GIF's chain of blocks, each led by its length."""
    while at < len(encoded) and encoded[at]:
        at += 1 + encoded[at]
    if at >= len(encoded):
        raise ValueError("a GIF that is cut short")
    return at + 1
