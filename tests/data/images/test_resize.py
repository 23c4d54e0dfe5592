"""Each operation is run eagerly, inside tf.data and from a SavedModel."""

import numpy as np
import pytest
import tensorflow as tf

from keras_ptft.data.images.resize import decode_image, resize_images


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


def test_the_same_pixels_in_a_pipeline_and_in_a_map():
    png, _ = encoded()
    expected = decode_image(png, 3, 3).numpy()
    batch = tf.stack([png, png])
    kind = tf.TensorSpec((3, 3, 3), tf.uint8)

    def decode(item):
        return decode_image(item, 3, 3)

    mapped = tf.map_fn(decode, batch, fn_output_signature=kind)
    files = tf.data.Dataset.from_tensor_slices(batch).map(decode)
    assert files.element_spec == kind
    for image in (*mapped.numpy(), *files.as_numpy_iterator()):
        assert (image == expected).all()


def test_the_same_pixels_from_a_saved_model(tmp_path):
    png, _ = encoded()
    kind = tf.TensorSpec((3, 3, 3), tf.uint8)
    module = tf.Module()
    module.decode = tf.function(
        lambda items: tf.map_fn(
            lambda item: decode_image(item, 3, 3),
            items,
            fn_output_signature=kind,
        ),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    served = tf.saved_model.load(str(tmp_path)).decode(tf.stack([png]))
    assert (served[0].numpy() == decode_image(png, 3, 3).numpy()).all()
