"""What image files say of themselves before their pixels."""

from collections.abc import Callable

import tensorflow as tf

from keras_ptft.data.images.branches import apart

# of JPEG, PNG, BMP and GIF
GRAPH_STARTS = (b"\xff\xd8", b"\x89P", b"BM", b"GI")

# bytes that hold the sides of all but JPEGs
_HEAD = 32
# bytes at the start that hold the EXIF, after a colour profile too
_FIRST = 2**18
# a segment of a JPEG is no longer
_LONGEST = 2**16


def by_kind(
    encoded: tf.Tensor, *branches: Callable[[], tf.Tensor]
) -> tf.Tensor:
    """Runs the branch of the file's kind, or the last for other kinds.

    Args:
        encoded: scalar string tensor, the bytes of the file.
        branches: for JPEG, PNG, BMP, GIF and other kinds.
    """
    found = tf.strings.substr(encoded, 0, 2) == tf.constant(GRAPH_STARTS)
    known = tf.argmax(tf.cast(found, tf.int32), output_type=tf.int32)
    index = tf.where(tf.reduce_any(found), known, len(GRAPH_STARTS))
    return tf.switch_case(index, [apart(branch) for branch in branches])


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

    # what is cut short is read as zeros
    head = tf.strings.substr(encoded, 0, _HEAD) + bytes(_HEAD)

    def product(
        start: int, dtype: tf.DType, little_endian: bool = True
    ) -> tf.Tensor:
        sides = tf.strings.substr(head, start, 2 * dtype.size)
        sides = tf.io.decode_raw(sides, dtype, little_endian=little_endian)
        return tf.reduce_prod(tf.abs(tf.cast(sides, tf.int64)))

    return by_kind(
        encoded,
        lambda: tf.reduce_prod(tf.io.extract_jpeg_shape(encoded, tf.int64)[:2]),
        lambda: product(16, tf.int32, little_endian=False),
        lambda: product(18, tf.int32),
        lambda: product(6, tf.uint16),
        lambda: tf.constant(0, tf.int64),
    )


def byte_at(encoded: tf.Tensor, at: tf.Tensor | int) -> tf.Tensor:
    """Reads the byte at an offset, as an int64 scalar.

    Raises:
        tf.errors.InvalidArgumentError: the file ends before.
    """
    byte = tf.strings.substr(encoded, at, 1)
    return tf.cast(tf.io.decode_raw(byte, tf.uint8)[0], tf.int64)


def jpeg_exif(encoded: tf.Tensor) -> tf.Tensor:
    """Reads the EXIF of a JPEG.

    Returns:
        scalar string tensor: a TIFF header and what follows, or b"".
    """
    before, exif = _divided(encoded, b"Exif\x00\x00")
    # led by its marker and its length
    is_segment = tf.strings.substr(b"none" + before, -4, 2) == b"\xff\xe1"
    return tf.where(is_segment, tf.strings.substr(exif, 0, _LONGEST), b"")


def png_chunk(encoded: tf.Tensor, name: bytes) -> tf.Tensor:
    """Reads the first chunk of a name that comes before a PNG's pixels.

    Returns:
        scalar string tensor: its content and what follows, or b"".
    """
    before, _ = _divided(encoded, b"IDAT")
    return _divided(before, name)[1]


def _divided(encoded: tf.Tensor, mark: bytes) -> tuple[tf.Tensor, tf.Tensor]:
    """The start of a file before the first mark, and what follows that.

    Segments are not followed by their lengths: a loop of graph operations
    takes as long as it takes to decode a small photograph.
    """
    head = tf.strings.substr(encoded, 0, _FIRST)
    parts = tf.concat([tf.strings.split(head, mark, 1), [b"", b""]], 0)
    return parts[0], parts[1]
