"""One function reads every format, in every place that reads images."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_ptft.data.core.info import ImageForm
from keras_ptft.data.images import reading
from keras_ptft.data.images.reading import read_image, read_pixels
from keras_ptft.data.images.resize import decode_image
from tests.data.images.files import COLOUR, pixels, plain, written

KINDS = ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "AVIF", "HEIF"]


def drawing(kind):
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 4), np.uint8)
    clear = kind not in ("JPEG", "HEIF")
    return Image.fromarray(noise).convert("RGBA" if clear else "RGB")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS[:4])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_exports_decode_is_the_same_to_the_bit(kind, channels):
    encoded = tf.constant(written(drawing(kind), kind))
    forms = ImageForm(), ImageForm(COLOUR), ImageForm(COLOUR, "crop")
    for form in (*forms, ImageForm(resize="crop(share=0.7)")):
        found = read_image(encoded, 16, channels, form)
        expected = decode_image(encoded, 16, channels, form)
        assert found.shape == (16, 16, channels)
        assert (found == expected).numpy().all()


def test_no_python_runs_for_what_tensorflow_decodes(monkeypatch):
    def fails(_):
        raise AssertionError

    monkeypatch.setattr(reading, "_other", fails)
    for kind in KINDS[:4]:
        assert pixels(read_pixels, written(plain(), kind)).shape[0] == 16


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_every_format_in_a_parallel_pipeline(channels):
    files = [written(drawing(kind), kind) for kind in KINDS] * 5
    form = ImageForm(resize="crop(share=0.875)")
    expected = [read_image(tf.constant(e), 16, channels, form) for e in files]
    kind = tf.TensorSpec((16, 16, channels), tf.uint8)

    def read(encoded):
        return read_image(encoded, 16, channels, form)

    items = tf.data.Dataset.from_tensor_slices(files)
    dataset = items.map(read, num_parallel_calls=8)
    assert dataset.element_spec == kind
    for found, wanted in zip(dataset, expected, strict=True):
        assert (found == wanted).numpy().all()

    def read_all(batch):
        return tf.map_fn(read, batch, fn_output_signature=kind)

    (found,) = items.batch(len(files)).map(read_all)
    assert (found == tf.stack(expected)).numpy().all()


@pytest.mark.parametrize("encoded", [b"", b"text", b"II*\0", b"\x89PNG"])
def test_what_is_damaged_is_refused_everywhere(encoded):
    with pytest.raises(tf.errors.InvalidArgumentError):
        read_pixels(tf.constant(encoded), 3)
    good = written(plain(), "WEBP")
    files = tf.data.Dataset.from_tensor_slices([good, encoded, good])
    read = files.map(lambda item: read_pixels(item, 3), num_parallel_calls=2)
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(read)
    assert len(list(read.ignore_errors())) == 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
def test_a_kind_that_is_known_is_read_alike(kind):
    encoded = written(plain(), kind)
    expected = read_pixels(tf.constant(encoded), 3)
    found = read_pixels(tf.constant(encoded), 3, kind=encoded[:2])
    assert (found.numpy() == expected.numpy()).all()
