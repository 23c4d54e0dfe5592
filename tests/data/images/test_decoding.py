"""Image files of every kind, with pixels that were worked by hand."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_ptft.data.images.decoding import decode_pixels
from tests.data.images.files import (
    COLOUR,
    GREY,
    bmp,
    chunk,
    pixels,
    plain,
    png,
    written,
)


def decoded(encoded, channels=3, **options):
    return pixels(decode_pixels, encoded, channels, **options)


def palette(**options):
    """Three pixels of (10, 20, 30), (40, 50, 60) and (0, 0, 0)."""
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 0, 0, 0])
    image.putdata([0, 1, 2])
    return written(image, "PNG", **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_has_its_colours(kind, channels):
    found = decoded(written(plain(), kind), channels)
    assert found.shape == (16, 16, channels)
    expected = COLOUR if channels == 3 else GREY
    np.testing.assert_allclose(found[3, 5], expected, atol=2)


def test_cmyk_becomes_colour_and_grey():
    encoded = written(plain("CMYK"), "JPEG")
    assert Image.open(io.BytesIO(encoded)).mode == "CMYK"
    np.testing.assert_allclose(decoded(encoded)[0, 0], COLOUR, atol=1)
    np.testing.assert_allclose(decoded(encoded, 1)[0, 0], GREY, atol=1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "LA", "RGBA", "gamma"])
def test_opaque_pngs_are_as_tensorflow_decodes_them(mode, channels):
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    if mode == "gamma":
        gamma = chunk(b"gAMA", (45455).to_bytes(4, "big"))
        encoded = png(noise, 2, gamma)
    else:
        encoded = written(Image.fromarray(noise).convert(mode), "PNG")
    expected = tf.io.decode_png(encoded, channels).numpy()
    assert (decoded(encoded, channels) == expected).all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_real_photographs_are_as_tensorflow_decodes_them(
    shared_data, kind, channels
):
    files = sorted((shared_data / "flower_photos").rglob("*.jpg"))[:10]
    assert files
    for path in files:
        encoded = path.read_bytes()
        if kind == "PNG":
            encoded = written(Image.open(path), "PNG")
        expected = tf.io.decode_image(encoded, channels).numpy()
        assert (decoded(encoded, channels) == expected).all()


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_paper_is_white(mode):
    ink = Image.new(mode, (3, 1))
    for x, alpha in enumerate((255, 128, 0)):
        ink.putpixel((x, 0), (0,) * (len(mode) - 1) + (alpha,))
    # 255 - 128
    for channels in (1, 3):
        found = decoded(written(ink, "PNG"), channels)
        assert found.tolist() == [
            [[value] * channels for value in (0, 127, 255)]
        ]


def test_colours_are_mixed_before_they_become_grey():
    half = Image.new("LA", (1, 1), (77, 128))
    half = written(half, "PNG")
    # (77 * 128 + 255 * 127) / 255 = 165.65
    assert decoded(half).tolist() == [[[166] * 3]]
    # (77 * 128 + 200 * 127) / 255 = 138.26; 88.45; 63.55
    assert decoded(half, background=COLOUR).tolist() == [[[138, 88, 64]]]
    # 0.299 * 138 + 0.587 * 88 + 0.114 * 64 = 100.2
    assert decoded(half, 1, background=COLOUR).tolist() == [[[100]]]


def test_one_transparent_pixel_changes_no_other():
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 4), np.uint8)
    noise[..., 3] = 255
    opaque = png(noise, 6)
    noise[0, 0] = 0
    for channels in (1, 3):
        found = decoded(png(noise, 6), channels)
        assert (found[0, 0] == 255).all()
        assert (found[1:] == decoded(opaque, channels)[1:]).all()


def test_a_palette_has_opacity():
    clear = palette(transparency=bytes([255, 100, 0]))
    # (40 * 100 + 255 * 155) / 255 = 170.69; 174.61; 178.53
    mixed = [[10, 20, 30], [171, 175, 179], [255] * 3]
    assert decoded(clear).tolist() == [mixed]
    one = decoded(palette(transparency=1), background=(9, 8, 7))
    assert one.tolist() == [[[10, 20, 30], [9, 8, 7], [0, 0, 0]]]
    opaque = decoded(palette())
    assert opaque.tolist() == [[[10, 20, 30], [40, 50, 60], [0, 0, 0]]]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_one_colour_is_transparent(mode):
    image = Image.new(mode, (2, 1), "white")
    image.putpixel((1, 0), 0)
    clear = {"1": 0, "L": 0, "RGB": (0, 0, 0)}[mode]
    encoded = written(image, "PNG", transparency=clear)
    assert decoded(encoded).tolist() == [[[255] * 3] * 2]
    assert decoded(encoded, 1).tolist() == [[[255]] * 2]
    other = decoded(encoded, background=COLOUR)
    assert other.tolist() == [[[255] * 3, list(COLOUR)]]


def test_the_cases_of_black_ink_are_seen(cases):
    files = sorted((cases / "opacity" / "alpha").rglob("*.png"))
    assert files
    for path in files:
        with Image.open(path) as image:
            paper = Image.new("RGBA", image.size, "white")
            paper.alpha_composite(image.convert("RGBA"))
        found = decoded(path.read_bytes()).astype(int)
        assert found.min() < 100 and found.max() == 255
        # Pillow rounds otherwise
        assert np.abs(found - np.asarray(paper)[..., :3]).max() <= 1


def test_a_bmp_has_opacity_or_none():
    rows = np.zeros((1, 2, 4), np.uint8)
    rows[0, 0] = 10, 20, 30, 0
    assert decoded(bmp(rows)).tolist() == [[[10, 20, 30], [0, 0, 0]]]
    rows[0, 1, 3] = 100
    # 255 * 155 / 255
    assert decoded(bmp(rows)).tolist() == [[[255] * 3, [155] * 3]]
    assert decoded(bmp(rows), 1).tolist() == [[[255], [155]]]


@pytest.mark.parametrize(
    ("largest", "bits"),
    [
        *((0, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12)),
        *((4096, 14), (16383, 14), (16384, 16), (65535, 16)),
    ],
)
def test_16_bits_are_scaled_by_what_they_hold(largest, bits):
    deep = np.array([[[largest], [largest // 3], [0]]], np.uint16)
    encoded = written(Image.fromarray(deep[..., 0]), "PNG")
    expected = [largest >> (bits - 8), largest // 3 >> (bits - 8), 0]
    assert decoded(encoded, 1).ravel().tolist() == expected
    assert decoded(encoded)[0].tolist() == [[value] * 3 for value in expected]


def test_full_16_bits_keep_the_upper_8():
    deep = np.full((2, 2, 3), (0x80FF, 0x1000, 0xFFFF), np.uint16)
    assert decoded(png(deep, 2))[0, 0].tolist() == [0x80, 0x10, 0xFF]
    noise = np.random.default_rng(0).integers(0, 2**16, (40, 30, 3))
    encoded = png(noise.astype(np.uint16), 2)
    for channels in (1, 3):
        expected = tf.io.decode_png(encoded, channels).numpy()
        assert (decoded(encoded, channels) == expected).all()


def test_opacity_of_16_bits_is_no_value():
    # 12 bits of colour; 0x8000 is 128 of 255
    deep = np.array([[[4095, 160, 0, 0xFFFF], [0, 0, 0, 0x8000]]], np.uint16)
    found = decoded(png(deep, 6)).tolist()
    assert found == [[[255, 10, 0], [127, 127, 127]]]
    grey = np.array([[[4095, 0xFFFF], [160, 0xFFFF]]], np.uint16)
    assert decoded(png(grey, 4), 1).ravel().tolist() == [255, 10]


def test_a_transparent_colour_of_16_bits():
    deep = np.array([[[4095], [160]]], np.uint16)
    clear = chunk(b"tRNS", (160).to_bytes(2, "big"))
    found = decoded(png(deep, 0, clear), background=COLOUR)
    assert found.tolist() == [[[255] * 3, list(COLOUR)]]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_a_palette_has_its_colours(kind):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *COLOUR])
    assert decoded(written(image, kind))[0, 0].tolist() == list(COLOUR)


def test_the_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), name) for name in ("red", "blue")]
    for kind in ("GIF", "PNG"):
        encoded = written(
            frames[0], kind, save_all=True, append_images=frames[1:]
        )
        assert decoded(encoded)[0, 0].tolist() == [255, 0, 0]


def test_a_served_model_decodes_alike():
    decode = tf.function(
        lambda encoded: decode_pixels(encoded, 3),
        input_signature=[tf.TensorSpec((), tf.string)],
    )
    for kind in ("JPEG", "PNG", "BMP", "GIF"):
        encoded = written(plain("L" if kind == "BMP" else "RGB"), kind)
        assert (decode(encoded).numpy() == decoded(encoded)).all()
    clear = written(Image.new("RGBA", (4, 4)), "PNG")
    assert (decode(clear).numpy() == 255).all()


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "ICO"])
def test_other_kinds_are_refused_on_every_version(kind):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decoded(written(plain(), kind))
