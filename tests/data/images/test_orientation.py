"""Photographs stored in every orientation stand upright."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageCms, ImageOps

from keras_ptft.data.images.decoding import decode_pixels
from keras_ptft.data.images.orientation import orientation
from tests.data.images.files import chunk, exif, pixels, png, written

EIGHT = pytest.mark.parametrize("kind", range(1, 9))
ENDIAN = pytest.mark.parametrize("endian", ["<", ">"])


def photograph():
    """Blocks of 8 grey levels, which JPEG keeps, in no symmetry."""
    levels = np.random.default_rng(0).integers(0, 256, (3, 5), np.uint8)
    return Image.fromarray(levels.repeat(8, 0).repeat(8, 1))


def assert_as_pillow(encoded, difference=0):
    with Image.open(io.BytesIO(encoded)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    found = pixels(decode_pixels, encoded, 1)[..., 0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= difference


@ENDIAN
@EIGHT
def test_a_jpeg_stands_upright(kind, endian):
    assert_as_pillow(written(photograph(), "JPEG", exif=exif(kind, endian)))


@ENDIAN
@EIGHT
def test_exif_after_jfif_and_a_profile(kind, endian):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    # longer than one segment may be
    profile = profile.tobytes() + bytes(100_000)
    encoded = written(photograph(), "JPEG", icc_profile=profile)
    assert encoded[2:4] == b"\xff\xe0"
    content = b"Exif\0\0" + exif(kind, endian).tobytes()[6:]
    segment = b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content
    tables = encoded.index(b"\xff\xdb\0\x43")
    encoded = encoded[:tables] + segment + encoded[tables:]
    assert encoded.index(b"Exif") > 100_000
    assert_as_pillow(encoded)


@ENDIAN
@EIGHT
def test_a_png_stands_upright(kind, endian):
    encoded = written(photograph(), "PNG", exif=exif(kind, endian))
    assert b"eXIf" in encoded
    assert_as_pillow(encoded)


def test_what_looks_like_exif_is_none():
    # in a comment, and in pixels
    content = exif(6).tobytes()
    encoded = written(photograph(), "JPEG", comment=content)
    assert content in encoded
    assert_as_pillow(encoded)
    row = np.frombuffer(chunk(b"eXIf", content[6:]), np.uint8)
    assert pixels(decode_pixels, png(row[None, :, None], 0)).shape[0] == 1


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"II*\0",
        b"MM\0*\xff\xff\xff\xff\0\1",
        b"II*\0\x08\0\0\0\xff\xff" + b"\x12\1\3\0\1\0",
        b"II*\0\x08\0\0\0\1\0" + b"\x12\1\3\0\1\0\0\0\x09\0\0\0",
        b"XX*\0\x08\0\0\0\1\0" + b"\x12\1\3\0\1\0\0\0\6\0\0\0",
    ],
)
def test_broken_exif_turns_nothing(encoded):
    assert int(orientation(tf.constant(encoded))) == 1


def test_the_directory_may_start_late():
    entry = b"\x12\1\3\0\1\0\0\0\6\0\0\0"
    encoded = b"II*\0\x0e\0\0\0" + b"\0" * 6 + b"\1\0" + entry
    assert int(orientation(tf.constant(encoded))) == 6
    cut = b"II*\0\x08\0\0\0\xff\0" + entry
    assert int(orientation(tf.constant(cut))) == 6
