"""Image files of every kind, written by Pillow or byte for byte."""

import io
import struct
import zlib

import numpy as np
import tensorflow as tf
from PIL import Image

COLOUR = (200, 100, 50)
# 0.299, 0.587 and 0.114 of them, the brightness that the eye sees
GREY = 124


def written(image: Image.Image, kind: str, **options) -> bytes:
    """Returns the bytes of a file that Pillow, or its plugin, writes."""
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(mode: str = "RGB", size: tuple[int, int] = (16, 16)) -> Image.Image:
    """Returns an image of one colour."""
    return Image.new("RGB", size, COLOUR).convert(mode)


def pixels(decode, encoded: bytes, channels: int = 3, **options) -> np.ndarray:
    """Calls `decode` on the bytes of a file."""
    return decode(tf.constant(encoded), channels, **options).numpy()


def exif(orientation: int, endian: str = "<") -> Image.Exif:
    """Returns EXIF with entries before and after the orientation."""
    found = Image.Exif()
    found.endian = endian
    found[0x010F], found[0x0112], found[0x0132] = "maker", orientation, "2020"
    return found


def chunk(name: bytes, content: bytes) -> bytes:
    """Returns a chunk of a PNG."""
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png(array: np.ndarray, kind: int, *chunks: bytes) -> bytes:
    """Returns a PNG of 8 or 16 bits.

    Args:
        array: uint8 or uint16 of shape (height, width, channels).
        kind: 0 for grey, 2 for RGB, 4 and 6 for these with alpha.
        chunks: put before the pixels.
    """
    big = array.astype(array.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in big)
    height, width, _ = array.shape
    bits = 8 * array.dtype.itemsize
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            chunk(b"IHDR", head),
            *chunks,
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        )
    )


def png_bomb(width: int, height: int) -> bytes:
    """Returns a PNG that declares more than it holds."""
    small = png(np.zeros((1, 1, 3), np.uint8), 2)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return small[:8] + chunk(b"IHDR", head) + small[33:]


def gif(width: int, height: int, frames: int = 1) -> bytes:
    """Returns a GIF whose frames have other sides than it says."""
    frame = b"," + struct.pack("<HHHH", 0, 0, width, height) + b"\0\2\1\x44\0"
    return b"GIF89a\1\0\1\0\0\0\0" + frame * frames + b";"


def bmp(rows: np.ndarray) -> bytes:
    """Returns a BMP of 32 bits from uint8 of shape (height, width, 4)."""
    height, width, _ = rows.shape
    body = rows[::-1, :, [2, 1, 0, 3]].tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 32, *[0] * 6)
    size = 54 + len(body)
    return b"BM" + struct.pack("<IHHI", size, 0, 0, 54) + head + body


def tiff(
    array: np.ndarray, photometric: int, endian: str = "<", **tags: int
) -> bytes:
    """Returns a TIFF, not compressed.

    Args:
        array: of shape (height, width, channels), of the dtype to store.
        photometric: 0 where white is zero, 1 for grey, 2 for RGB.
        endian: "<" or ">".
        tags: what to store instead of the `width` and `height`, and the
            kind of `extra` channels: 1 for multiplied alpha, 2 for alpha.
    """
    height, width, channels = array.shape
    body = array.astype(array.dtype.newbyteorder(endian)).tobytes()
    bits, kinds = 8 * array.dtype.itemsize, {"u": 1, "i": 2, "f": 3}
    width, height = tags.get("width", width), tags.get("height", height)
    entries = [
        *((256, [width]), (257, [height]), (258, [bits] * channels)),
        *((259, [1]), (262, [photometric]), (273, [8]), (277, [channels])),
        *((278, [height]), (279, [len(body)])),
        *([(338, [tags["extra"]])] if "extra" in tags else []),
        (339, [kinds[array.dtype.kind]] * channels),
    ]
    directory = 8 + len(body) + len(body) % 2
    after = directory + 2 + 12 * len(entries) + 4
    found, values = struct.pack(endian + "H", len(entries)), b""
    for tag, numbers in entries:
        # shorts, or a long where the number asks for it
        kind = "I" if max(numbers) >= 2**16 else "H"
        stored = struct.pack(endian + kind * len(numbers), *numbers)
        if len(stored) > 4:
            values += stored
            stored = struct.pack(
                endian + "I", after + len(values) - len(stored)
            )
        found += struct.pack(
            endian + "HHI", tag, 4 if kind == "I" else 3, len(numbers)
        ) + stored.ljust(4, b"\0")
    start = {"<": b"II*\0", ">": b"MM\0*"}[endian]
    start += struct.pack(endian + "I", directory)
    return start + body + bytes(len(body) % 2) + found + bytes(4) + values
