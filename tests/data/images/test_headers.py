"""What files declare, and the segments before their pixels."""

import struct

import pytest
import tensorflow as tf

from keras_ptft.data.images.headers import (
    declared_pixels,
    jpeg_exif,
    png_chunk,
)
from tests.data.images.files import exif, plain, written


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
def test_headers_declare_the_size(kind):
    encoded = written(plain(size=(7, 5)), kind)
    assert int(declared_pixels(tf.constant(encoded))) == 35
    assert int(declared_pixels(tf.constant(b"no image"))) == 0


def test_exif_is_found_whole():
    content = exif(6).tobytes()
    encoded = written(plain(), "JPEG", exif=content)
    assert content.startswith(b"Exif\0\0")
    assert jpeg_exif(tf.constant(encoded)).numpy().startswith(content[6:])
    without = tf.constant(written(plain(), "JPEG"))
    assert jpeg_exif(without).numpy() == b""
    # as many fill bytes as a writer likes may lead a marker
    filled = encoded.replace(b"\xff\xe1", b"\xff\xff\xff\xe1", 1)
    assert jpeg_exif(tf.constant(filled)).numpy().startswith(content[6:])


@pytest.mark.parametrize("length", [2, 4, 11, 20, 40])
def test_a_file_that_ends_early_has_no_segments(length):
    jpeg = written(plain(), "JPEG", exif=exif(6))[:length]
    assert jpeg_exif(tf.constant(jpeg)).numpy() in (b"", jpeg[30:])
    png = written(plain(), "PNG", exif=exif(6))[:length]
    assert png_chunk(tf.constant(png), b"eXIf").numpy() == b""


def test_very_many_segments_are_not_followed():
    jpeg = b"\xff\xd8" + b"\xff\xe2\0\2" * 10**6 + b"\xff\xd9"
    assert jpeg_exif(tf.constant(jpeg)).numpy() == b""


def test_a_chunk_of_a_png_has_its_content():
    encoded = written(plain("L"), "PNG", transparency=7)
    found = png_chunk(tf.constant(encoded), b"tRNS").numpy()
    assert found.startswith(struct.pack(">H", 7))
    assert png_chunk(tf.constant(encoded), b"eXIf").numpy() == b""
    # not after the pixels
    assert png_chunk(tf.constant(encoded), b"IEND").numpy() == b""
