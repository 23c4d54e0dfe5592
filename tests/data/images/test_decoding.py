"""Image files of every kind, with pixels that were worked by hand."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_ptft.data.images.decoding import (
    MOST_BYTES,
    MOST_PIXELS,
    check_gif,
    declared_pixels,
    decode_pixels,
    fault,
    gif_pixels,
)

COLOUR = (200, 100, 50)
# 0.299, 0.587 and 0.114 of them, the brightness that the eye sees
GREY = 124


def written(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def plain(mode="RGB", size=(16, 16)):
    return Image.new("RGB", size, COLOUR).convert(mode)


def pixels(encoded, channels=3):
    return decode_pixels(tf.constant(encoded), channels).numpy()


def png(width, height, content=b""):
    """A PNG that declares more than it holds."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (
        (b"IHDR", head),
        (b"IDAT", zlib.compress(content)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def gif(width, height, frames=1):
    """A GIF whose frames have other sides than it says."""
    frame = b"," + struct.pack("<HHHH", 0, 0, width, height) + b"\0\2\1\x44\0"
    return b"GIF89a\1\0\1\0\0\0\0" + frame * frames + b";"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_has_its_colours(kind, channels):
    found = pixels(written(plain(), kind), channels)
    assert found.shape == (16, 16, channels)
    np.testing.assert_allclose(
        found[3, 5], COLOUR if channels == 3 else GREY, 4
    )


def test_cmyk_becomes_colour_and_grey():
    encoded = written(plain("CMYK"), "JPEG")
    assert Image.open(io.BytesIO(encoded)).mode == "CMYK"
    np.testing.assert_allclose(pixels(encoded)[0, 0], COLOUR, atol=1)
    np.testing.assert_allclose(pixels(encoded, 1)[0, 0], GREY, atol=1)


def test_16_bits_keep_the_upper_8():
    deep = np.full((2, 2, 3), (0x80FF, 0x1000, 0xFFFF), np.uint16)
    encoded = tf.io.encode_png(deep).numpy()
    assert pixels(encoded)[0, 0].tolist() == [0x80, 0x10, 0xFF]


def test_opacity_is_left_out():
    image = plain("RGBA")
    image.putalpha(0)
    assert pixels(written(image, "PNG"))[0, 0].tolist() == list(COLOUR)
    half = Image.new("LA", (2, 2), (77, 128))
    assert pixels(written(half, "PNG"))[0, 0].tolist() == [77] * 3


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF"])
def test_a_palette_has_its_colours(kind):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *COLOUR])
    assert pixels(written(image, kind))[0, 0].tolist() == list(COLOUR)


def test_the_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), name) for name in ("red", "blue")]
    for kind in ("GIF", "PNG"):
        encoded = written(
            frames[0], kind, save_all=True, append_images=frames[1:]
        )
        assert pixels(encoded)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stand_upright(orientation, endian):
    # bright above left, as seen; the camera stored it turned or mirrored
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :8] = 255
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F], exif[0x0112], exif[0x0132] = "maker", orientation, "2020"
    encoded = written(
        Image.fromarray(np.ascontiguousarray(stored)), "JPEG", exif=exif
    )
    found = pixels(encoded, 1)[..., 0]
    np.testing.assert_allclose(found, upright, atol=2)


def test_a_served_model_decodes_alike():
    decode = tf.function(
        lambda encoded: decode_pixels(encoded, 3),
        input_signature=[tf.TensorSpec((), tf.string)],
    )
    for kind in ("JPEG", "PNG", "BMP", "GIF"):
        encoded = written(plain("L" if kind == "BMP" else "RGB"), kind)
        assert (decode(encoded).numpy() == pixels(encoded)).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
def test_headers_declare_the_size(kind):
    encoded = written(plain(size=(7, 5)), kind)
    assert int(declared_pixels(tf.constant(encoded))) == 35
    assert int(declared_pixels(tf.constant(b"no image"))) == 0


@pytest.mark.parametrize(
    "encoded",
    [
        png(50_000, 50_000),
        written(plain("L"), "BMP").replace(
            struct.pack("<II", 16, 16), b"\xff\xff\0\0" * 2, 1
        ),
        written(plain(), "JPEG").replace(
            b"\0\x10\0\x10\3", b"\xfe\xfe\xfe\xfe\3", 1
        ),
        gif(65_535, 65_535),
    ],
    ids=["png", "bmp", "jpeg", "gif"],
)
def test_a_bomb_is_refused_by_its_header(tmp_path, encoded):
    assert len(encoded) < 3000
    (tmp_path / "bomb").write_bytes(encoded)
    assert "it declares" in fault(tmp_path / "bomb")
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        pixels(check_gif(encoded))


def test_all_frames_of_a_gif_count():
    assert gif_pixels(gif(10, 20, frames=3)) == 600
    many = gif(5000, 5000, frames=5)
    assert gif_pixels(many) > MOST_PIXELS
    with pytest.raises(ValueError, match="in all frames"):
        check_gif(many)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
@pytest.mark.parametrize("fraction", [0.3, 0.6, 0.9])
def test_half_an_image_is_damaged(tmp_path, kind, fraction):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    encoded = written(Image.fromarray(noise), kind)
    half = encoded[: int(len(encoded) * fraction)]
    (tmp_path / "half").write_bytes(half)
    assert fault(tmp_path / "half") == "it is damaged"
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        pixels(check_gif(half))


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "ICO"])
def test_other_kinds_are_refused_on_every_version(tmp_path, kind):
    (tmp_path / "other").write_bytes(written(plain(), kind))
    assert fault(tmp_path / "other") == "it is no JPEG, PNG, BMP or GIF"
    with pytest.raises(tf.errors.InvalidArgumentError):
        pixels((tmp_path / "other").read_bytes())


def test_what_is_too_large_to_be_read(tmp_path):
    with (tmp_path / "large.bmp").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert fault(tmp_path / "large.bmp") == "it is larger than 382 MB"
    assert fault(tmp_path / "none.bmp") == "No such file or directory"
