"""Formats that TensorFlow does not decode: WebP, TIFF, AVIF and HEIC."""

import importlib
import io
import re
import sys

import numpy as np
from PIL import (
    AvifImagePlugin,
    Image,
    ImageFile,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from keras_ptft.data.images.formats import FORMATS, MOST_PIXELS

if Image.MAX_IMAGE_PIXELS is not None:
    # Pillow warns of images that are allowed here, and refuses twice as many
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MOST_PIXELS)

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIC_BRANDS = {
    *(b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"),
    *(b"mif1", b"mif2", b"msf1"),
}
_ORIENTATION = 0x112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_UNREADABLE = {
    "F": "its pixels are floating-point numbers",
    "LAB": "its colours are LAB",
}
# tags of TIFF
_BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0


def decode_other(encoded: bytes) -> np.ndarray:
    """Decodes the first page or frame of a WebP, TIFF, AVIF or HEIC.

    It is turned upright by its EXIF orientation. 16-bit TIFFs are scaled by
    what they hold, as 16-bit PNGs are (see `pixels.eight_bits`). What kind
    of file it is, its first bytes say.

    Args:
        encoded: the bytes of the file.

    Returns:
        uint8 array of shape (height, width, 3), RGB, or 4 with alpha.

    Raises:
        ValueError: another kind of file, a damaged one, one that declares
            more than MOST_PIXELS, or a HEIC without the library for it. The
            message completes "cannot be decoded, ...".

    Example:

    >>> file = io.BytesIO()
    >>> Image.new("RGB", (3, 2), "red").save(file, "TIFF")
    >>> decode_other(file.getvalue()).shape
    (2, 3, 3)
    """
    reader = _reader(encoded)
    try:
        image = reader(io.BytesIO(encoded))
        if image.width * image.height <= MOST_PIXELS:
            return _pixels(image, encoded)
    except (_Unreadable, MemoryError):
        raise
    except Image.DecompressionBombError:
        pass
    # a broken file fails in as many ways as it can be broken
    except Exception as error:
        if "unknown pixel mode" in str(error):
            raise ValueError("its kind of pixels is not read") from error
        raise ValueError("it is damaged") from error
    raise ValueError(f"it declares more than {MOST_PIXELS:,} pixels")


class _Unreadable(ValueError):
    """A sound file whose pixels cannot be 8-bit colours."""


def _reader(encoded: bytes) -> type[ImageFile.ImageFile]:
    """Pillow's class for a file, by its first bytes."""
    if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
        return _built_in("WebP", WebPImagePlugin.WebPImageFile)
    if encoded[:4] in _TIFF_STARTS:
        return TiffImagePlugin.TiffImageFile
    brands = _brands(encoded)
    if brands & {b"avif", b"avis"}:
        return _built_in("AVIF", AvifImagePlugin.AvifImageFile)
    if not brands & _HEIC_BRANDS:
        raise ValueError(f"it is no {FORMATS}" if encoded else "it is empty")
    try:
        return importlib.import_module("pillow_heif").HeifImageFile
    except ImportError as error:
        raise ValueError("it is a HEIC: install keras_ptft[heif]") from error


def _built_in(
    name: str, reader: type[ImageFile.ImageFile]
) -> type[ImageFile.ImageFile]:
    if not features.check(name.lower()):
        raise ValueError(f"it is a {name}: install a Pillow that reads {name}")
    return reader


def _brands(encoded: bytes) -> set[bytes]:
    """The formats that a file of ISO boxes claims to follow."""
    if encoded[4:8] != b"ftyp":
        return set()
    # a length, "ftyp", the first brand, a version, other brands
    box = encoded[8 : min(int.from_bytes(encoded[:4], "big"), 1024)]
    return {box[at : at + 4] for at in range(0, len(box), 4) if at != 4}


def _pixels(image: ImageFile.ImageFile, encoded: bytes) -> np.ndarray:
    # TIFFs are turned as they are loaded, and have no orientation then
    image.load()
    eight = _eight_bits(image, encoded)
    turn = _UPRIGHT.get(_orientation(image))
    return np.asarray(eight if turn is None else eight.transpose(turn))


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    # Pillow reads EXIF by its reader of TIFF, which fails in as many ways as
    # it can be broken; the pixels are sound
    except Exception:
        return 1


def _eight_bits(image: ImageFile.ImageFile, encoded: bytes) -> Image.Image:
    """Converts an image to RGB or RGBA."""
    if image.mode in _UNREADABLE:
        raise _Unreadable(_UNREADABLE[image.mode])
    if image.mode.startswith("I"):
        return Image.fromarray(_grey(image)).convert("RGB")
    tags = getattr(image, "tag_v2", {})
    if 16 in tags.get(_BITS, ()) and image.mode in ("RGB", "RGBA"):
        return Image.fromarray(_colour(image, encoded))
    # premultiplied grey is converted to grey alone
    plain = image.convert("LA") if image.mode == "La" else image
    return plain.convert("RGBA" if image.has_transparency_data else "RGB")


def _grey(image: Image.Image) -> np.ndarray:
    """Scales grey of 12, 16 or 32 bits to 8, as a uint8 array."""
    stored = np.asarray(image)
    if stored.min() < 0 or stored.max() >= 2**16:
        raise _Unreadable("its pixels do not fit 16 bits")
    scaled = (stored >> _lost_bits(stored)).astype(np.uint8)
    tags = getattr(image, "tag_v2", {})
    # Pillow sees to that for 8 bits only
    return 255 - scaled if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else scaled


def _colour(image: Image.Image, encoded: bytes) -> np.ndarray:
    """Scales RGB or RGBA of 16 bits to 8, as a uint8 array."""
    upper = np.array(image)
    colours = upper[..., :3]
    lower = None if colours.max() >= 2**6 else _lower_bytes(encoded)
    if lower is not None:
        deep = colours.astype(np.uint16) * 256 + lower[..., :3]
        colours[...] = deep >> _lost_bits(deep)
    return upper


def _lower_bytes(encoded: bytes) -> np.ndarray | None:
    """The half of each 16-bit colour that Pillow leaves out.

    It takes the upper bytes, which are the lower ones if it is told the
    other byte order.
    """
    native = "B" if sys.byteorder == "little" else "L"
    other = {"L": "B", "B": "L", "N": native}
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(encoded))
    tiles = []
    for tile in image.tile:
        stored = tile.args if isinstance(tile.args, tuple) else ("",)
        mode = re.fullmatch("(RGB[AX]?;16)([LBN])", stored[0])
        if not mode:
            return None
        args = mode[1] + other[mode[2]], *stored[1:]
        tiles.append(tile._replace(args=args))
    image.tile = tiles
    return np.asarray(image)


def _lost_bits(stored: np.ndarray) -> int:
    """Bits left out when what an image holds is scaled to 8 bits."""
    largest = int(stored.max())
    return 2 * sum(largest >= 2**bits for bits in (8, 10, 12, 14))
