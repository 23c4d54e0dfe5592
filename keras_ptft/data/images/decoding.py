"""Image files: what their headers declare, and their pixels."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf

# of all that turns a stored image into a model's input: raise it when a pixel
# may come out different, or cached features of the old pixels are read
PREPROCESSING_VERSION = 1
# the files that `decode_pixels` reads, by the end of their names
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
# 300 MB as colours, 1.2 GB while they are resized
MOST_PIXELS = 100_000_000
# a BMP of as many pixels, with opacity
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
# EXIF stands at the start
_HEAD = 4096


def decode_pixels(encoded: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes a JPEG, PNG, BMP or GIF (its first frame) at its own size.

    A JPEG is turned upright as its EXIF orientation says. 16-bit PNGs keep
    the upper 8 bits, CMYK becomes colour, and opacity is left out. It runs
    inside `tf.map_fn` and SavedModels.

    Args:
        encoded: scalar string tensor, the bytes of the file.
        channels: 1 for grey, 3 for colour.

    Returns:
        uint8 tensor of shape (height, width, channels).

    Raises:
        tf.errors.InvalidArgumentError: no such image, a damaged one, or one
            that declares more than MOST_PIXELS.
    """
    pixels = declared_pixels(encoded)
    right = (pixels > 0) & (pixels <= MOST_PIXELS)
    # nothing is refused as a damaged file would be, before memory is taken
    encoded = tf.where(right, encoded, b"")
    decoded = _of_kind(
        encoded,
        lambda: _upright(_jpeg(encoded, channels), _orientation(encoded)),
        lambda: _decoded(encoded, channels),
        # TensorFlow converts the colours of JPEG and PNG, not of these
        lambda: _converted(_bmp(encoded), channels),
        lambda: _converted(_decoded(encoded, 0), channels),
        lambda: _decoded(encoded, channels),
    )
    return tf.ensure_shape(decoded, (None, None, channels))


def declared_pixels(encoded: tf.Tensor) -> tf.Tensor:
    """Width times height, as the file's header has them.

    Args:
        encoded: scalar string tensor, the bytes of the file.

    Returns:
        int64 scalar; 0 for what is no JPEG, PNG, BMP or GIF.

    Example:

    >>> png = tf.io.encode_png(tf.zeros((2, 4, 3), tf.uint8))
    >>> int(declared_pixels(png))
    8
    """

    def product(start, dtype, little_endian=True):
        sides = tf.strings.substr(encoded, start, 2 * dtype.size)
        sides = tf.io.decode_raw(sides, dtype, little_endian=little_endian)
        return tf.reduce_prod(tf.abs(tf.cast(sides, tf.int64)))

    return _of_kind(
        encoded,
        lambda: tf.reduce_prod(tf.io.extract_jpeg_shape(encoded, tf.int64)[:2]),
        lambda: product(16, tf.int32, little_endian=False),
        lambda: product(18, tf.int32),
        lambda: product(6, tf.uint16),
        lambda: tf.constant(0, tf.int64),
    )


def gif_pixels(encoded: bytes) -> int:
    """Pixels of all frames of a GIF, which are decoded with its first.

    Raises:
        ValueError: the file ends before its last frame does.
    """
    place, pixels = 13 + _table_size(encoded, 10), 0
    while place < len(encoded) and encoded[place] in b"!,":
        if encoded[place] == ord("!"):
            place = _after_blocks(encoded, place + 2)
            continue
        sides = encoded[place + 5 : place + 9]
        width, height = (
            int.from_bytes(sides[n : n + 2], "little") for n in (0, 2)
        )
        pixels += width * height
        place += 10 + _table_size(encoded, place + 9)
        place = _after_blocks(encoded, place + 1)
    return pixels


def check_gif(encoded: bytes) -> bytes:
    """Gives back the bytes of a file whose frames may all be decoded.

    Raises:
        ValueError: a GIF that is cut short or has more than MOST_PIXELS.
    """
    if encoded[:2] == b"GI" and gif_pixels(encoded) > MOST_PIXELS:
        raise ValueError(f"more than {MOST_PIXELS} pixels in all frames")
    return encoded


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps what libjpeg writes of a damaged file from the terminal.

    It writes to the process's own standard error, whatever the program asks
    for; what is wrong is told by an error of ours.
    """
    stream = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stream, 2)
        os.close(stream)
        os.close(nowhere)


def fault(path: str | os.PathLike) -> str:
    """Why an image file cannot be decoded, for a message."""
    path = pathlib.Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            return f"it is larger than {MOST_BYTES >> 20} MB"
        encoded = path.read_bytes()
        if encoded[:2] == b"GI":
            pixels = gif_pixels(encoded)
        else:
            with quiet():
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


def _of_kind(encoded: tf.Tensor, *branches) -> tf.Tensor:
    """What the branch of the file's kind gives; the last is for no kind."""
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
    # libjpeg has no way from CMYK to grey
    return tf.cond(
        tf.io.extract_jpeg_shape(encoded)[2] == 4,
        lambda: tf.image.rgb_to_grayscale(_decoded(encoded, 3)),
        lambda: _decoded(encoded, 1),
    )


def _bmp(encoded: tf.Tensor) -> tf.Tensor:
    """With the colours of its palette, which TensorFlow leaves out."""
    pixels = _decoded(encoded, 0)

    def coloured():
        start = 14 + _integer(encoded, 14)
        size = _integer(encoded, 10) - start
        palette = tf.strings.substr(encoded, start, size)
        palette = tf.reshape(tf.io.decode_raw(palette, tf.uint8), (-1, 4))
        # blue, green, red, nothing
        return tf.gather(palette[:, 2::-1], tf.cast(pixels[..., 0], tf.int32))

    return tf.cond(tf.shape(pixels)[2] == 1, coloured, lambda: pixels)


def _integer(encoded: tf.Tensor, start: int) -> tf.Tensor:
    number = tf.strings.substr(encoded, start, 4)
    return tf.io.decode_raw(number, tf.int32)[0]


def _converted(pixels: tf.Tensor, channels: int) -> tf.Tensor:
    """Grey, colour or colour with opacity, as grey or colour."""
    colour = pixels[..., :3] + tf.zeros((1, 1, 3), tf.uint8)
    return colour if channels == 3 else tf.image.rgb_to_grayscale(colour)


def _orientation(encoded: tf.Tensor) -> tf.Tensor:
    """1, as it is, to 8: how EXIF says that a JPEG is to be shown."""
    head = tf.strings.substr(encoded, 0, _HEAD)
    found = tf.strings.regex_replace(head, _EXIF, r"\1\2")
    number = tf.cast(tf.io.decode_raw(found, tf.uint8)[0], tf.int32)
    return tf.where(tf.strings.length(found) == 1, number, 1)


def _upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    def where(numbers, change):
        return tf.cond(
            tf.reduce_any(orientation == tf.constant(numbers)),
            lambda: change(pixels),
            lambda: pixels,
        )

    pixels = where((5, 6, 7, 8), lambda image: tf.transpose(image, (1, 0, 2)))
    pixels = where((2, 3, 6, 7), lambda image: image[:, ::-1])
    return where((3, 4, 7, 8), lambda image: image[::-1])


def _table_size(encoded: bytes, place: int) -> int:
    """Bytes of a GIF's colour table, by the flags at `place`."""
    flags = encoded[place] if place < len(encoded) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(encoded: bytes, place: int) -> int:
    """Where a GIF's chain of blocks ends, each led by its length."""
    while place < len(encoded) and encoded[place]:
        place += 1 + encoded[place]
    if place >= len(encoded):
        raise ValueError("a GIF that is cut short")
    return place + 1
