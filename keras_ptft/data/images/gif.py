"""GIFs: the pixels of all frames, and the colour behind the first."""

import tensorflow as tf

from keras_ptft.data.core.info import Color
from keras_ptft.data.images.formats import MOST_PIXELS
from keras_ptft.data.images.headers import byte_at

# blocks of extensions before the first frame
_MOST_BLOCKS = 1000


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


def on_background(encoded: tf.Tensor, background: Color) -> tf.Tensor:
    """Gives a GIF's first frame a colour where it is transparent.

    TensorFlow leaves transparent pixels black, so the palette gets the
    colour and the frame's mark of transparency is taken away.

    Args:
        encoded: scalar string tensor, the bytes of a GIF.
        background: the colour.

    Returns:
        The bytes of the same GIF with an opaque first frame; what that frame
        does not cover stays black.
    """
    frame, control = _first_frame(encoded)

    def opaque() -> tf.Tensor:
        entry = 3 * byte_at(encoded, control + 6)
        own = _table_bytes(byte_at(encoded, frame + 9))
        # the frame has its own palette, or there is one for all
        start = tf.where(own > 0, frame + 10, 13)
        table = tf.where(own > 0, own, _table_bytes(byte_at(encoded, 10)))
        without = _spliced(encoded, control + 3, b"\x00")
        return tf.cond(
            entry < table,
            lambda: _spliced(without, start + entry, bytes(background)),
            lambda: without,
        )

    # the last bit of a control block's flags
    is_transparent = tf.cond(
        control > 0,
        lambda: byte_at(encoded, control + 3) % 2 == 1,
        lambda: False,
    )
    return tf.cond(is_transparent, opaque, lambda: encoded)


def _first_frame(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Offsets of the first frame and of its control block; 0 if none."""
    size = tf.cast(tf.strings.length(encoded), tf.int64)

    def follow(
        at: tf.Tensor, control: tf.Tensor, is_within: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        byte = byte_at(encoded, at)
        is_control = tf.strings.substr(encoded, at, 2) == b"!\xf9"
        control = tf.where(~is_within & is_control, at, control)
        # an extension has a label, then blocks that each tell their length
        following = at + tf.where(is_within, 1 + byte, 2)
        return following, control, ~is_within | (byte > 0)

    def goes_on(at: tf.Tensor, _: tf.Tensor, is_within: tf.Tensor) -> tf.Tensor:
        # a frame takes 10 bytes more
        return tf.cond(
            at + 10 < size,
            lambda: is_within | (byte_at(encoded, at) == ord("!")),
            lambda: False,
        )

    start = 13 + _table_bytes(byte_at(encoded, 10))
    frame, control, is_within = tf.while_loop(
        goes_on,
        follow,
        (start, tf.constant(0, tf.int64), tf.constant(False)),
        maximum_iterations=_MOST_BLOCKS,
    )
    is_whole = ~is_within & (frame + 10 < size)
    return frame, tf.where(is_whole, control, 0)


def _table_bytes(flags: tf.Tensor) -> tf.Tensor:
    """Bytes of a colour table, by its flags, as an int64 scalar."""
    sizes = tf.constant([3 << bits for bits in range(1, 9)], tf.int64)
    return tf.where(flags >= 128, sizes[flags % 8], 0)


def _spliced(encoded: tf.Tensor, at: tf.Tensor, new: bytes) -> tf.Tensor:
    """Puts other bytes at an offset."""
    size = tf.cast(tf.strings.length(encoded), tf.int64)
    before = tf.strings.substr(encoded, tf.zeros_like(at), at)
    after = tf.strings.substr(encoded, at + len(new), size)
    return tf.strings.join([before, new, after])


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
