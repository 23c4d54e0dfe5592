"""Opacity and depth, apart from files."""

import numpy as np
import tensorflow as tf

from keras_ptft.data.images.pixels import (
    eight_bits,
    in_channels,
    is_opaque,
    laid_on,
)


def test_every_mixture_is_rounded():
    ink, alpha = np.meshgrid(np.arange(256), np.arange(256))
    layer = np.stack([ink, alpha], -1).astype(np.uint8)
    for ground in (0, 1, 100, 255):
        exact = (ink * alpha + ground * (255 - alpha)) / 255
        found = laid_on(tf.constant(layer), (ground,) * 3).numpy()
        assert (found == np.rint(exact)[..., None]).all()


def test_opaque_channels():
    for channels, alpha in ((1, 0), (2, 255), (3, 0), (4, 255)):
        pixels = np.full((2, 3, channels), 7, np.uint8)
        pixels[..., -1] = alpha or 7
        assert is_opaque(pixels)
        found = laid_on(tf.constant(pixels), (1, 2, 3)).numpy()
        assert (found == 7).all() and found.shape == (2, 3, 3)
    assert not is_opaque(np.zeros((1, 1, 4), np.uint8))


def test_depth_is_of_the_largest_colour():
    pixels = np.array([[[1024, 0, 4, 65535]]], np.uint16)
    scaled, lost = eight_bits(tf.constant(pixels))
    assert scaled.numpy().ravel().tolist() == [64, 0, 0, 255] and lost == 4


def test_grey_stays_grey():
    grey = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert (in_channels(tf.constant(grey), 1) == grey[..., :1]).numpy().all()
    assert in_channels(tf.constant(grey), 3).shape == (16, 16, 3)
