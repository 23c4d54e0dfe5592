"""Image files, decoded and resized as in training."""

import functools
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import ImageForm
from keras_ptft.data.images.faults import fault
from keras_ptft.data.images.formats import FORMATS, MOST_BYTES
from keras_ptft.data.images.gif import check_gif
from keras_ptft.data.images.reading import read_image
from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.options import InputOptions
from keras_ptft.streams import silenced_stderr

Decode = Callable[[pathlib.Path], np.ndarray | None]
"""A file's pixels, or None if it cannot be decoded."""


def image_batches(
    paths: Sequence[pathlib.Path],
    spec: tf.TensorSpec,
    options: InputOptions,
    batch_size: int,
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Decodes images in batches.

    Args:
        paths: image files.
        spec: the model's input, without the batch axis.
        options: their form, and whether bad images are left out.
        batch_size: largest number of images in a batch.

    Yields:
        The path of each image, and the images, of shape
        (at most batch_size, *spec.shape) and of spec's dtype.

    Raises:
        UserError: an image cannot be decoded and is not to be left out, or
            the model takes no square images.
    """
    decode = _decoder(paths[0], spec, options)
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), batch_size):
            some = paths[start : start + batch_size]
            with silenced_stderr():
                decoded = list(pool.map(decode, some))
            good = []
            for path, image in zip(some, decoded, strict=True):
                if image is None:
                    _skip(path, options)
                else:
                    good.append((str(path), image))
            if good:
                images = np.stack([image for _, image in good])
                names = [name for name, _ in good]
                yield names, images.astype(spec.dtype.as_numpy_dtype)


def _decoder(
    first: pathlib.Path, spec: tf.TensorSpec, options: InputOptions
) -> Decode:
    if spec.shape.rank != 3 or spec.shape[0] != spec.shape[1]:
        raise UserError(
            f"Cannot read {first}: the model takes shape {tuple(spec.shape)}, "
            "not square images; give .npy, .npz or a table."
        )
    read = _reader(spec.shape[0], spec.shape[2], options.image_form)

    def decode(path: pathlib.Path) -> np.ndarray | None:
        try:
            if path.stat().st_size > MOST_BYTES:
                return None
            return read(tf.constant(check_gif(path.read_bytes()))).numpy()
        except (OSError, ValueError, tf.errors.OpError):
            return None

    return decode


@functools.lru_cache(maxsize=4)
def _reader(
    size: int, channels: int, form: ImageForm
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Traced once, as that takes longer than to decode an image."""

    def read(encoded: tf.Tensor) -> tf.Tensor:
        return read_image(encoded, size, channels, form)

    signature = [tf.TensorSpec((), tf.string)]
    traced = tf.function(read, input_signature=signature, autograph=False)
    return traced.get_concrete_function()


def _skip(path: pathlib.Path, options: InputOptions) -> None:
    reason = fault(path)
    if options.skipped is None:
        raise UserError(
            f"Cannot decode {os.fspath(path)}, {reason}: expected a {FORMATS} "
            "image; remove or replace it, or leave such images out by "
            "--skip_bad_images."
        )
    options.skipped.add(str(path), reason)
