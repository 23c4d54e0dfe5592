"""Reads inputs of a model from image files, arrays and tables."""

import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import InputSpec
from keras_ptft.data.images.formats import IMAGES
from keras_ptft.data.tables.table import TABLES
from keras_ptft.errors import UserError
from keras_ptft.serving.inputs.array_files import array_batches, load_arrays
from keras_ptft.serving.inputs.folders import images_below
from keras_ptft.serving.inputs.images import image_batches
from keras_ptft.serving.inputs.options import InputOptions
from keras_ptft.serving.inputs.tables import table_batches

Inputs = np.ndarray | Mapping[str, np.ndarray]
Batch = tuple[list[str], Inputs]
"""A name for each example, and the examples."""

_ARRAYS = (".npy", ".npz")
_DEFAULT = InputOptions()


def input_batches(
    paths: Sequence[str | os.PathLike],
    spec: InputSpec,
    options: InputOptions = _DEFAULT,
    *,
    batch_size: int = 256,
) -> Iterator[Batch]:
    """Reads files and folders in batches, each from one file or folder.

    Images are decoded and resized as in training. Arrays may lack the
    channel axis; pixels must be whole numbers, other values become float32.

    Args:
        paths: image files; folders, for all images in and below them in the
            order of their names; `.npy` or `.npz` (array `x` or `images`,
            or the only one); tables of numeric columns. For a model of
            several inputs, `.npz` files with an array of each name.
        spec: the model's input, without the batch axis, or inputs by name.
        options: what is known of them.
        batch_size: largest number of examples in a batch.

    Yields:
        A name for each example, and the examples, of shape
        (at most batch_size, *spec.shape) and of spec's dtype; of several
        inputs, an array by name.

    Raises:
        UserError: there is no example, an image cannot be decoded, or the
            model does not take the values or the shape.
    """
    files = [pathlib.Path(path) for path in paths]
    if not files:
        raise UserError("Expected an image, folder or array to predict.")
    for path in files:
        if not path.exists():
            raise UserError(f"No such input: {path}; check the path.")
    used = 0
    for path in files:
        for names, batch in _read(path, spec, options, batch_size):
            used += len(names)
            yield names, batch
    if options.skipped is not None:
        options.skipped.report(used)


def _read(
    path: pathlib.Path,
    spec: InputSpec,
    options: InputOptions,
    batch_size: int,
) -> Iterator[Batch]:
    if isinstance(spec, Mapping):
        return _read_named(path, spec, batch_size)
    suffix = path.suffix.lower()
    if path.is_dir():
        return image_batches(images_below(path), spec, options, batch_size)
    if not path.is_file():
        # reading a pipe or a device would never end
        raise UserError(f"Cannot read {path}: expected a file or a folder.")
    if suffix in IMAGES:
        return image_batches([path], spec, options, batch_size)
    if suffix in TABLES:
        return table_batches(path, spec, options.columns, batch_size)
    if suffix in _ARRAYS:
        arrays = {"": load_arrays(path, []).popitem()[1]}
        batches = array_batches(path, arrays, {"": spec}, batch_size)
        return ((names, batch[""]) for names, batch in batches)
    raise UserError(
        f"Cannot read {path}: expected a folder or a file ending in "
        f"{', '.join((*IMAGES, *_ARRAYS, *TABLES))}."
    )


def _read_named(
    path: pathlib.Path, specs: Mapping[str, tf.TensorSpec], batch_size: int
) -> Iterator[Batch]:
    if path.suffix.lower() != ".npz" or not path.is_file():
        raise UserError(
            f"Cannot read {path}: the model takes {', '.join(specs)}; expected "
            "an .npz file with an array of each name."
        )
    arrays = load_arrays(path, list(specs))
    counts = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(set(counts.values())) > 1:
        raise UserError(
            f"Expected as many examples in each array of {path}, got "
            f"{', '.join(f'{n} of {name}' for name, n in counts.items())}: "
            "correct them."
        )
    return array_batches(path, arrays, specs, batch_size)
