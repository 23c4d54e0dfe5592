"""WebP, TIFF, AVIF and HEIC, with pixels that were worked by hand."""

import numpy as np
import PIL
import pytest
from PIL import Image, ImageOps

from keras_ptft.data.images.other_formats import decode_other
from keras_ptft.data.images.reading import read_pixels
from tests.data.images.files import (
    COLOUR,
    GREY,
    exif,
    pixels,
    plain,
    tiff,
    written,
)

KINDS = pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF", "HEIF"])
ENDIAN = pytest.mark.parametrize("endian", ["<", ">"])
COMPRESSION = pytest.mark.parametrize(
    "compression", [None, "tiff_lzw", "tiff_adobe_deflate"]
)


def photograph(path, size=(60, 40)):
    with Image.open(path) as image:
        return image.convert("RGB").resize(size)


@pytest.fixture(scope="module")
def photo(shared_data):
    files = (shared_data / "flower_photos").rglob("*.jpg")
    return photograph(min(files))


@KINDS
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_has_its_colours(kind, channels):
    found = pixels(read_pixels, written(plain(), kind), channels)
    assert found.shape == (16, 16, channels)
    expected = COLOUR if channels == 3 else GREY
    np.testing.assert_allclose(found[3, 5], expected, atol=2)


@KINDS
def test_a_real_photograph(photo, kind):
    options = {} if kind == "TIFF" else {"quality": 95}
    found = decode_other(written(photo, kind, **options)).astype(int)
    difference = np.abs(found - np.asarray(photo))
    assert difference.mean() < (0.01 if kind == "TIFF" else 4)


@KINDS
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_paper_is_white(kind, mode):
    ink = Image.new(mode, (48, 16))
    for column, alpha in enumerate((255, 128, 0)):
        part = Image.new(mode, (16, 16), (0,) * (len(mode) - 1) + (alpha,))
        ink.paste(part, (16 * column, 0))
    for channels in (1, 3):
        found = pixels(read_pixels, written(ink, kind), channels)
        # 255 - 128
        row = [[value] * channels for value in (0, 127, 255)]
        np.testing.assert_allclose(found[8, 8::16], row, atol=2)
    found = pixels(read_pixels, written(ink, kind), background=COLOUR)
    np.testing.assert_allclose(found[8, 40], COLOUR, atol=2)


@KINDS
@ENDIAN
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stand_upright(photo, kind, endian, orientation):
    stored = photo.copy()
    stored.getexif()[0x0112] = orientation
    options = {"exif": exif(orientation, endian)}
    if kind == "HEIF":
        # its own way to turn an image, beside which EXIF says nothing
        options = {}
    found = decode_other(written(stored, kind, **options)).astype(int)
    expected = np.asarray(ImageOps.exif_transpose(stored))
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 8


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF"])
def test_the_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (16, 16), name) for name in ("red", "blue")]
    encoded = written(frames[0], kind, save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(decode_other(encoded)[8, 8], [255, 0, 0], atol=2)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "RGBX"])
def test_every_kind_of_tiff(photo, mode):
    image = photo.convert(mode)
    options = {"compression": "jpeg"} if mode == "YCbCr" else {}
    encoded = written(image, "TIFF", **options)
    found = decode_other(encoded).astype(int)
    difference = np.abs(found - np.asarray(image.convert("RGB")))
    assert difference.mean() < (6 if mode == "YCbCr" else 0.01)


def test_multiplied_alpha_is_divided():
    half = np.array([[[100, 50, 25, 128]]], np.uint8)
    # 100 * 255 / 128 = 199.2; 99.6; 49.8
    found = decode_other(tiff(half, 2, extra=1))[0, 0].tolist()
    np.testing.assert_allclose(found, [*COLOUR, 128], atol=1)


def test_multiplied_alpha_of_grey_is_divided():
    grey = tiff(np.array([[[50, 128]]], np.uint8), 1, extra=1)
    if PIL.__version__ < "12":
        with pytest.raises(ValueError, match="kind of pixels is not read"):
            decode_other(grey)
    else:
        found = decode_other(grey)[0, 0].tolist()
        np.testing.assert_allclose(found, [100, 100, 100, 128], atol=1)


@ENDIAN
@pytest.mark.parametrize(
    ("largest", "bits"),
    [
        *((0, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12)),
        *((4096, 14), (16383, 14), (16384, 16), (65535, 16)),
    ],
)
def test_16_bits_are_scaled_by_what_they_hold(endian, largest, bits):
    deep = np.array([[[largest], [largest // 3], [0]]], np.uint16)
    expected = [largest >> (bits - 8), largest // 3 >> (bits - 8), 0]
    found = pixels(read_pixels, tiff(deep, 1, endian), 1)
    assert found.ravel().tolist() == expected
    colour = np.concatenate([deep, deep // 2, deep // 4], 2)
    found = decode_other(tiff(colour, 2, endian))
    assert (found == colour >> (bits - 8)).all()


@COMPRESSION
def test_12_bits_in_compressed_tiffs(compression):
    deep = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    image = Image.fromarray(deep)
    encoded = written(image, "TIFF", compression=compression)
    assert (decode_other(encoded)[..., 0] == deep >> 4).all()


@ENDIAN
def test_opacity_of_16_bits_is_no_value(endian):
    deep = np.array([[[4095, 160, 0, 0xFFFF], [0, 0, 0, 0x8000]]], np.uint16)
    encoded = tiff(deep, 2, endian, extra=2)
    found = decode_other(encoded).tolist()
    assert found == [[[255, 10, 0, 255], [0, 0, 0, 128]]]
    found = pixels(read_pixels, encoded).tolist()
    assert found == [[[255, 10, 0], [127, 127, 127]]]


def test_signed_numbers_and_zero_for_white():
    signed = np.array([[[4095], [160]]], np.int16)
    assert decode_other(tiff(signed, 1))[0, :, 0].tolist() == [255, 10]
    for dtype in (np.uint8, np.uint16):
        inverse = np.array([[[0], [200], [255]]], dtype)
        found = decode_other(tiff(inverse, 0))[0, :, 0].tolist()
        assert found == [255, 55, 0]


def test_a_broken_exif_turns_nothing():
    broken = b"Exif\0\0no directory"
    encoded = written(plain(size=(20, 10)), "WEBP", exif=broken)
    assert decode_other(encoded).shape == (10, 20, 3)


def test_the_cases_are_read(cases):
    files = sorted((cases / "other_formats").rglob("*.webp"))
    assert files
    for path in files:
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB"))
        assert (pixels(read_pixels, path.read_bytes()) == expected).all()
