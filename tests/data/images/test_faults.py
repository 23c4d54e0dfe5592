"""Each file that cannot be read is told of by what is wrong with it."""

import struct
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, features

from keras_ptft.data.images.faults import fault
from keras_ptft.data.images.formats import MOST_BYTES
from keras_ptft.data.images.gif import check_gif
from keras_ptft.data.images.reading import read_pixels
from tests.data.images.files import gif, pixels, plain, png_bomb, tiff, written

KINDS = ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "AVIF", "HEIF"]


def webp_bomb():
    """A WebP that declares the most that it may, 16,383 by 16,383."""
    # of the chunk VP8L, whose first 28 bits are the sides less 1
    encoded = written(plain(), "WEBP", lossless=True)
    start = encoded.index(b"VP8L") + 9
    bits = int.from_bytes(encoded[start : start + 4], "little")
    sides = (bits >> 28 << 28 | 16382 << 14 | 16382).to_bytes(4, "little")
    return encoded[:start] + sides + encoded[start + 4 :]


BOMBS = {
    "png": png_bomb(50_000, 50_000),
    "bmp": written(plain("L"), "BMP").replace(
        struct.pack("<II", 16, 16), b"\xff\xff\0\0" * 2, 1
    ),
    "jpeg": written(plain(), "JPEG").replace(
        b"\0\x10\0\x10\3", b"\xfe\xfe\xfe\xfe\3", 1
    ),
    "gif": gif(65_535, 65_535),
    "webp": webp_bomb(),
    "tiff": tiff(np.zeros((1, 1, 3), np.uint8), 2, width=10**5, height=10**5),
}


def refused(encoded):
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        pixels(read_pixels, check_gif(encoded))


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_by_its_header(tmp_path, kind):
    assert len(BOMBS[kind]) < 3000
    (tmp_path / "bomb").write_bytes(BOMBS[kind])
    found = fault(tmp_path / "bomb")
    assert found.startswith("it declares ") and "100,000,000" in found
    refused(BOMBS[kind])


def test_pillow_does_not_warn_of_what_is_allowed(tmp_path):
    encoded = tiff(np.zeros((1, 1, 1), np.uint8), 1, width=10**4, height=9990)
    (tmp_path / "large").write_bytes(encoded)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert fault(tmp_path / "large") == "it is damaged"
    assert seen == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.6, 0.9])
def test_half_an_image_is_damaged(tmp_path, kind, fraction):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    encoded = written(Image.fromarray(noise), kind)
    half = encoded[: int(len(encoded) * fraction)]
    (tmp_path / "half").write_bytes(half)
    assert fault(tmp_path / "half") == "it is damaged"
    refused(half)


@pytest.mark.parametrize("kind", KINDS[4:])
def test_what_follows_a_good_start_is_damaged(tmp_path, kind):
    noise = np.random.default_rng(0).bytes(5000)
    start = written(plain(), kind)[:20]
    (tmp_path / "junk").write_bytes(start + noise)
    assert fault(tmp_path / "junk") == "it is damaged"
    refused(start + noise)


@pytest.mark.parametrize(
    "encoded",
    [b"text, not pixels", b"x", b"RIFF\0\0\0\0WAVEfmt ", b"\0\0\0\x14ftypmp42"],
)
def test_what_is_no_image(tmp_path, encoded):
    (tmp_path / "other.png").write_bytes(encoded)
    assert fault(tmp_path / "other.png") == (
        "it is no JPEG, PNG, BMP, GIF, WebP, TIFF, AVIF or HEIC"
    )
    refused(encoded)


def test_an_empty_file_and_an_icon(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert fault(tmp_path / "empty.jpg") == "it is empty"
    (tmp_path / "icon.png").write_bytes(written(plain(), "ICO"))
    assert fault(tmp_path / "icon.png").startswith("it is no JPEG, PNG")


def test_a_heic_without_the_library(tmp_path, monkeypatch):
    (tmp_path / "photo.heic").write_bytes(written(plain(), "HEIF"))
    # as Python has it of a library that is not installed
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert fault(tmp_path / "photo.heic") == (
        "it is a HEIC: install keras_ptft[heif]"
    )
    refused((tmp_path / "photo.heic").read_bytes())


@pytest.mark.parametrize("kind", ["WebP", "AVIF"])
def test_a_pillow_that_was_built_without(tmp_path, monkeypatch, kind):
    encoded = written(plain(), kind)
    (tmp_path / "image").write_bytes(encoded)
    monkeypatch.setattr(features, "check", lambda _: False)
    assert fault(tmp_path / "image") == (
        f"it is a {kind}: install a Pillow that reads {kind}"
    )
    refused(encoded)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 2, 1), np.float32), "floating-point numbers"),
        (np.full((2, 2, 1), 2**16, np.uint32), "do not fit 16 bits"),
        (np.full((2, 2, 1), -1, np.int16), "do not fit 16 bits"),
        (np.zeros((2, 2, 2), np.uint16), "its kind of pixels is not read"),
    ],
)
def test_pixels_that_are_no_colours(tmp_path, array, reason):
    (tmp_path / "deep.tif").write_bytes(tiff(array, 1))
    assert reason in fault(tmp_path / "deep.tif")
    refused((tmp_path / "deep.tif").read_bytes())


def test_what_is_too_large_to_be_read(tmp_path):
    with (tmp_path / "large.bmp").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert fault(tmp_path / "large.bmp") == "it is larger than 382 MB"
    assert fault(tmp_path / "none.bmp") == "No such file or directory"
