"""Each operation is run eagerly, inside tf.data and from a SavedModel."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_ptft.data.core.info import ImageForm
from keras_ptft.data.images.reading import read_image
from keras_ptft.data.images.resize import (
    cut_of,
    decode_image,
    encoding_of,
    resize_images,
)
from keras_ptft.errors import UserError
from tests.data.images.files import exif, written

FORMS = [ImageForm(resize=r) for r in ("stretch", "crop(share=0.7)", "crop")]
some_forms = pytest.mark.parametrize(
    "form", [*FORMS[:2], pytest.param(FORMS[2], marks=pytest.mark.slow)]
)


def encoded(kind="png", height=4, width=6):
    pixels = np.arange(height * width * 3).reshape(height, width, 3) * 3
    pixels = pixels.astype(np.uint8)
    return getattr(tf.io, f"encode_{kind}")(pixels), pixels


def test_an_image_of_the_size_keeps_its_pixels():
    png, pixels = encoded(height=5, width=5)
    assert (decode_image(png, 5, 3).numpy() == pixels).all()


def test_enlarging_is_bilinear_between_pixel_centres():
    # centres of the 4 columns lie at -0.25, 0.25, 0.75 and 1.25 of the 2
    image = np.array([[[10], [20]], [[10], [20]]], np.uint8)
    row = resize_images(image, 4)[0, :, 0]
    assert row.numpy().tolist() == [10, 12, 18, 20]


def test_shrinking_smooths():
    # without smoothing, every other column would be all that is left
    stripes = np.tile(np.array([0, 255], np.uint8), (32, 16))[..., None]
    small = resize_images(stripes, 8).numpy()
    assert small.min() > 100 and small.max() < 155


def test_floats_stay_floats():
    images = np.array([[[[0.0]], [[1.0]]]], np.float32)
    resized = resize_images(images, 2)
    assert resized.dtype == tf.float32
    assert resized.shape == (1, 2, 2, 1)


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_decodes_each_kind(kind, channels):
    image = decode_image(encoded(kind)[0], 8, channels)
    assert image.shape == (8, 8, channels) and image.dtype == tf.uint8


def test_decodes_bmp_and_the_first_frame_of_gif():
    bmp = b"BM" + (58).to_bytes(4, "little") + bytes(4)
    bmp += b"".join(n.to_bytes(4, "little") for n in (54, 40, 1, 1))
    bmp += b"\x01\x00\x18\x00" + bytes(24) + b"\x01\x02\x03\x00"
    assert decode_image(bmp, 1, 3).numpy().tolist() == [[[3, 2, 1]]]
    assert decode_image(bmp, 1, 1).numpy().tolist() == [[[2]]]
    gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\x00\x00\x00\x00\xff"
    red = b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00"
    blue = red.replace(b"D", b"L")
    image = decode_image(gif + red + blue + b";", 1, 3)
    assert image.numpy().tolist() == [[[255, 0, 0]]]
    # 0.299 of red is the brightness that the eye sees
    grey = decode_image(gif + red + blue + b";", 1, 1)
    assert grey.numpy().tolist() == [[[76]]]


@some_forms
def test_the_same_pixels_in_a_pipeline_and_in_a_map(form):
    png, _ = encoded()
    expected = decode_image(png, 3, 3, form).numpy()
    batch = tf.stack([png, png])
    kind = tf.TensorSpec((3, 3, 3), tf.uint8)

    def decode(item):
        return decode_image(item, 3, 3, form)

    mapped = tf.map_fn(decode, batch, fn_output_signature=kind)
    files = tf.data.Dataset.from_tensor_slices(batch).map(decode)
    assert files.element_spec == kind
    for image in (*mapped.numpy(), *files.as_numpy_iterator()):
        assert (image == expected).all()


@some_forms
def test_the_same_pixels_from_a_saved_model(tmp_path, form):
    png, _ = encoded()
    kind = tf.TensorSpec((3, 3, 3), tf.uint8)
    module = tf.Module()
    module.decode = tf.function(
        lambda items: tf.map_fn(
            lambda item: decode_image(item, 3, 3, form),
            items,
            fn_output_signature=kind,
        ),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    served = tf.saved_model.load(str(tmp_path)).decode(tf.stack([png]))
    expected = decode_image(png, 3, 3, form).numpy()
    assert (served[0].numpy() == expected).all()


@pytest.mark.parametrize(
    ("share", "sides", "rows", "columns"),
    [
        # landscape and portrait, with an even and an odd rest
        (1.0, (4, 6), (0, 4), (1, 5)),
        (1.0, (3, 6), (0, 3), (1, 4)),
        (1.0, (7, 4), (1, 5), (0, 4)),
        (1.0, (1, 1), (0, 1), (0, 1)),
        (1.0, (1, 5), (0, 1), (2, 3)),
        (0.875, (256, 300), (16, 240), (38, 262)),
        (0.75, (8, 10), (1, 7), (2, 8)),
        # 2.5 and 3.5 pixels are rounded to even ones
        (0.5, (5, 5), (1, 3), (1, 3)),
        (0.5, (7, 8), (1, 5), (2, 6)),
        # there is always one
        (0.1, (1, 3), (0, 1), (1, 2)),
        (0.001, (9, 2), (4, 5), (0, 1)),
    ],
)
def test_the_middle_square_is_cut(share, sides, rows, columns):
    image = np.arange(np.prod(sides)).astype(np.float32).reshape(*sides, 1)
    cut = cut_of(f"crop(share={share})")(tf.constant(image), 99).numpy()
    assert (cut == image[slice(*rows), slice(*columns)]).all()
    assert cut.shape[0] == cut.shape[1] == rows[1] - rows[0]


def test_a_square_of_the_size_is_cut_without_any_blur():
    _, pixels = encoded(height=4, width=6)
    expected = pixels[:, 1:5]
    assert (resize_images(pixels, 4, "crop").numpy() == expected).all()
    batch = np.stack([pixels, 255 - pixels])
    several = resize_images(batch, 4, "crop").numpy()
    assert (several == [expected, 255 - expected]).all()


def test_what_is_of_the_size_already_is_not_cut_again():
    # arrays of the model's size are inputs, and exports are proved with them
    png, pixels = encoded(height=5, width=5)
    form = ImageForm(resize="crop(share=0.6)")
    assert (decode_image(png, 5, 3, form).numpy() == pixels).all()
    assert (resize_images(pixels, 5, form.resize).numpy() == pixels).all()
    png, pixels = encoded(height=5, width=6)
    # 3 of 5 pixels
    expected = resize_images(pixels[1:4, 1:4], 5).numpy()
    assert (decode_image(png, 5, 3, form).numpy() == expected).all()


@pytest.mark.parametrize("size", [(61, 40), (40, 61), (37, 37)])
@pytest.mark.parametrize("share", [1.0, 0.875])
def test_pillow_cuts_and_resizes_alike(size, share):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    side = round(share * min(size))
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    square = Image.fromarray(noise).crop((left, top, left + side, top + side))
    expected = np.array(square.resize((16, 16), Image.Resampling.BILINEAR))
    found = resize_images(noise, 16, f"crop(share={share})").numpy()
    # Pillow rounds between rows and columns
    assert abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_is_upright_is_cut(kind):
    noise = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
    options = {"lossless": True} if kind == "WEBP" else {}
    stored = written(Image.fromarray(noise), kind, exif=exif(6), **options)
    # 6: a quarter to the right
    upright = np.rot90(noise, -1)
    form = ImageForm(resize="crop(share=0.9)")
    found = read_image(tf.constant(stored), 18, 3, form).numpy()
    # 18 of 20 pixels; 13 of 31 rows are left, 6 above
    assert (found == upright[6:24, 1:19]).all()


@pytest.mark.parametrize(
    ("resize", "message"),
    [
        ("crop(share=0.0)", r"above 0 and at most 1, got 0\.0: correct it\."),
        ("crop(share=1.01)", r"share of --resize=crop must be .*, got 1\.01"),
        ("crop(share='all')", r"must be float, got 'all'\.$"),
        ("crop(size=3)", "Unknown setting 'size' of way to resize 'crop'"),
        ("strech", r'resize \'strech\' \(did you mean "stretch"\?\); there'),
    ],
)
def test_what_is_no_way_to_resize(resize, message):
    with pytest.raises(UserError, match=message) as caught:
        cut_of(resize)
    assert "\n" not in str(caught.value)


def test_ways_to_resize_are_told_apart():
    # images that are stretched are known as they always were
    assert encoding_of("stretch") == b""
    assert encoding_of("crop(share=0.5)") == b"crop(share=0.5)"
