"""Examples as the pipeline hands them to what changes them."""

import numpy as np
import tensorflow as tf

from keras_ptft.data import Loading, load


def seeds(examples, seed=5, epoch=0):
    """int64 of shape (examples, 3), as `seeds_of` gives them."""
    examples = np.asarray(examples, np.int64)
    head = np.broadcast_to(np.int64([seed, epoch]), (len(examples), 2))
    return tf.constant(np.concatenate([head, examples[:, None]], 1))


def grey_digits(count=64):
    source = load("digits", Loading(image_size=8)).splits["train"]
    return source.gather(np.arange(count))


def color_digits(count=64):
    """Three digits on top of each other, in red, green and blue."""
    source = load("digits", Loading(image_size=8)).splits["train"]
    channels = [source.gather(np.arange(count) + n * 64) for n in range(3)]
    return tf.concat(channels, axis=-1)
