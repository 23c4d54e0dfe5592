"""Photographs that stand upright, as their EXIF says."""

import tensorflow as tf

from keras_ptft.data.images.branches import apart

# of EXIF's orientation, a short
_TAG, _SHORT = 0x112, 3


def orientation(exif: tf.Tensor) -> tf.Tensor:
    """Reads the orientation from EXIF.

    Args:
        exif: scalar string tensor, a TIFF header of either byte order and
            what follows it, or b"".

    Returns:
        int32 scalar from 1 (as stored) to 8.

    Example:

    >>> entry = b"\\1\\x12\\0\\3\\0\\0\\0\\1\\0\\6\\0\\0"
    >>> int(orientation(b"MM\\0*\\0\\0\\0\\x08" + b"\\0\\1" + entry))
    6
    """
    start = tf.strings.substr(exif, 0, 4)
    is_little = start == b"II*\x00"
    is_tiff = is_little | (start == b"MM\x00*")
    return tf.where(is_tiff, _in_first_directory(exif, is_little), 1)


def upright(pixels: tf.Tensor, exif: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors an image as its EXIF says.

    Args:
        pixels: of shape (height, width, channels).
        exif: as `orientation` takes it.
    """
    number = tf.cond(
        tf.strings.length(exif) > 0, apart(lambda: orientation(exif)), lambda: 1
    )
    # neither copies an image that stands upright already
    axes = tf.where(number >= 5, [1, 0, 2], [0, 1, 2])
    mirrored = [[3, 4, 7, 8], [2, 3, 6, 7]]
    is_mirrored = tf.reduce_any(number == tf.constant(mirrored), 1)
    return tf.reverse(
        tf.transpose(pixels, axes), tf.boolean_mask([0, 1], is_mirrored)
    )


def _in_first_directory(exif: tf.Tensor, is_little: tf.Tensor) -> tf.Tensor:
    # what is cut short is read as zeros
    raw = tf.io.decode_raw(exif + bytes(8), tf.uint8)
    raw = tf.cast(raw, tf.int32)

    def short(high: tf.Tensor, low: tf.Tensor) -> tf.Tensor:
        return tf.where(is_little, 256 * low + high, 256 * high + low)

    # 64 KB hold all of EXIF
    start = tf.where(is_little, short(raw[4], raw[5]), short(raw[6], raw[7]))
    start = tf.minimum(start, tf.size(raw) - 2)
    count = short(raw[start], raw[start + 1])
    entries = raw[start + 2 : start + 2 + 12 * count]
    entries = tf.reshape(entries[: tf.size(entries) // 12 * 12], (-1, 12))
    # tag, type, count in four bytes, value
    tag, kind, _, _, value, _ = (
        short(entries[:, at], entries[:, at + 1]) for at in range(0, 12, 2)
    )
    is_one = (tag == _TAG) & (kind == _SHORT) & (value >= 1) & (value <= 8)
    return tf.concat([value[is_one], [1]], 0)[0]
