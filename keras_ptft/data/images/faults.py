"""Why image files cannot be read."""

import os
import pathlib

import tensorflow as tf

from keras_ptft.data.images.formats import MOST_BYTES, MOST_PIXELS
from keras_ptft.data.images.gif import gif_pixels
from keras_ptft.data.images.headers import GRAPH_STARTS, declared_pixels
from keras_ptft.data.images.other_formats import decode_other
from keras_ptft.streams import silenced_stderr


def fault(path: str | os.PathLike) -> str:
    """Returns why an image file cannot be decoded, for an error message."""
    path = pathlib.Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            return f"it is larger than {MOST_BYTES >> 20} MB"
        encoded = path.read_bytes()
    except OSError as error:
        return error.strerror or str(error)
    # libraries write about damaged files to standard error
    with silenced_stderr():
        if encoded[:2] in GRAPH_STARTS:
            return _graph_fault(encoded)
        try:
            decode_other(encoded)
        except ValueError as error:
            return str(error)
    return "it is damaged"


def _graph_fault(encoded: bytes) -> str:
    try:
        if encoded[:2] == b"GI":
            pixels = gif_pixels(encoded)
        else:
            pixels = int(declared_pixels(tf.constant(encoded)))
    except (ValueError, tf.errors.OpError):
        return "it is damaged"
    if pixels > MOST_PIXELS:
        return f"it declares {pixels:,} pixels, over {MOST_PIXELS:,}"
    return "it is damaged"
