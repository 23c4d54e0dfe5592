"""Reads inputs of a model from image files, arrays and tables."""

import csv
import os
import pathlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.info import InputSpec
from keras_ptft.data.images.decoding import (
    IMAGES,
    MOST_BYTES,
    check_gif,
    fault,
)
from keras_ptft.data.images.resize import decode_image
from keras_ptft.data.sources.archives import map_array, read_array
from keras_ptft.errors import UserError, on_one_line
from keras_ptft.streams import silenced_stderr

Inputs = np.ndarray | Mapping[str, np.ndarray]
Batch = tuple[list[str], Inputs]
"""A name for each example, and the examples."""


def input_batches(
    paths: Sequence[str | os.PathLike],
    spec: InputSpec,
    *,
    batch_size: int = 256,
) -> Iterator[Batch]:
    """Reads files and folders in batches, each from one file or folder.

    Images are decoded and resized as in training. Arrays may lack the
    channel axis; pixels must be whole numbers, other values become float32.

    Args:
        paths: image files; folders, for all images in and below them in the
            order of their names; `.npy` or `.npz` (array `x` or `images`,
            or the only one); `.csv` of numeric columns, with a heading or
            without. For a model of several inputs, `.npz` files with an
            array of each name.
        spec: the model's input, without the batch axis, or inputs by name.
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
    for path in files:
        if isinstance(spec, Mapping):
            yield from _read_named(path, spec, batch_size)
        else:
            yield from _read(path, spec, batch_size)


def _read(
    path: pathlib.Path, spec: tf.TensorSpec, batch_size: int
) -> Iterator[Batch]:
    suffix = path.suffix.lower()
    if path.is_dir():
        return _read_images(_images_below(path), spec, batch_size)
    if not path.is_file():
        # reading a pipe or a device would never end
        raise UserError(f"Cannot read {path}: expected a file or a folder.")
    if suffix in IMAGES:
        return _read_images([path], spec, batch_size)
    if suffix in (".npy", ".npz"):
        (array,) = _load_arrays(path, []).values()
    elif suffix == ".csv":
        array = _load_table(path)
    else:
        raise UserError(
            f"Cannot read {path}: expected a folder or a file ending in "
            f"{', '.join(IMAGES)}, .npy, .npz or .csv."
        )
    batches = _slices(path, {"": array}, {"": spec}, batch_size)
    return ((names, batch[""]) for names, batch in batches)


def _read_named(
    path: pathlib.Path, specs: Mapping[str, tf.TensorSpec], batch_size: int
) -> Iterator[Batch]:
    if path.suffix.lower() != ".npz" or not path.is_file():
        raise UserError(
            f"Cannot read {path}: the model takes {', '.join(specs)}; expected "
            "an .npz file with an array of each name."
        )
    arrays = _load_arrays(path, list(specs))
    counts = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(set(counts.values())) > 1:
        raise UserError(
            f"Expected as many examples in each array of {path}, got "
            f"{', '.join(f'{n} of {name}' for name, n in counts.items())}: "
            "correct them."
        )
    yield from _slices(path, arrays, specs, batch_size)


def _images_below(folder: pathlib.Path) -> list[pathlib.Path]:
    found = sorted(
        path
        for path in folder.rglob("*")
        # macOS leaves `._photo.jpg`, which is no image, beside photo.jpg
        if path.suffix.lower() in IMAGES
        and not path.name.startswith(".")
        and path.is_file()
    )
    if not found:
        raise UserError(
            f"No images in {folder}: expected files ending in "
            f"{', '.join(IMAGES)}."
        )
    return found


def _read_images(
    paths: list[pathlib.Path], spec: tf.TensorSpec, batch_size: int
) -> Iterator[Batch]:
    if spec.shape.rank != 3 or spec.shape[0] != spec.shape[1]:
        raise UserError(
            f"Cannot read {paths[0]}: the model takes {_shape(spec)}, not "
            "square images; give .npy, .npz or .csv."
        )
    size, _, channels = spec.shape
    dtype = spec.dtype.as_numpy_dtype

    def decode(path: pathlib.Path) -> np.ndarray:
        try:
            if path.stat().st_size > MOST_BYTES:
                raise ValueError
            encoded = check_gif(path.read_bytes())
            return decode_image(tf.constant(encoded), size, channels).numpy()
        except (OSError, ValueError, tf.errors.OpError):
            raise UserError(
                f"Cannot decode {path}, {fault(path)}: expected a JPEG, PNG, "
                "BMP or GIF image; remove or replace it."
            ) from None

    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), batch_size):
            some = paths[start : start + batch_size]
            with silenced_stderr():
                images = np.stack(list(pool.map(decode, some)))
            yield [str(path) for path in some], images.astype(dtype)


def _load_arrays(
    path: pathlib.Path, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """The arrays of these names; without names, the one to predict."""
    try:
        if not names and not zipfile.is_zipfile(path):
            return {"x": map_array(path)}
        with np.load(path, allow_pickle=False) as arrays:
            names = names or [_key(list(arrays), path)]
            if missing := [name for name in names if name not in arrays]:
                raise UserError(
                    f"Expected arrays {', '.join(names)} in {path}, got "
                    f"{', '.join(arrays) or 'none'}: add {missing[0]}."
                )
            return {name: read_array(arrays, name, path) for name in names}
    except UserError:
        raise
    # a broken file fails in as many ways as it can be broken
    except Exception as error:
        raise UserError(
            f"Cannot read {path}: expected numeric arrays as numpy.save or "
            f"numpy.savez writes them, got: {on_one_line(error)}"
        ) from error


def _key(found: list[str], path: pathlib.Path) -> str:
    """The name of the array to predict."""
    for key in ("x", "images"):
        if key in found:
            return key
    if len(found) == 1:
        return found[0]
    raise UserError(
        f"Expected an array x or images in {path}, got "
        f"{', '.join(found) or 'none'}: name the one to predict x."
    )


def _load_table(path: pathlib.Path) -> np.ndarray:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
        if rows and not any(map(_is_number, rows[0])):
            del rows[0]
        return np.array(rows, np.float64)
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(
            f"Cannot read {path}: expected as many numbers in each row, "
            f"got: {error}"
        ) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _slices(
    path: pathlib.Path,
    arrays: Mapping[str, np.ndarray],
    specs: Mapping[str, tf.TensorSpec],
    batch_size: int,
) -> Iterator[tuple[list[str], dict[str, np.ndarray]]]:
    fitting = {
        name: _fitting(path, array, specs[name])
        for name, array in arrays.items()
    }
    count = len(next(iter(fitting.values())))
    for start in range(0, count, batch_size):
        end = min(start + batch_size, count)
        names = [f"{path}[{index}]" for index in range(start, end)]
        batch = {
            name: _cast(path, array[start:end], specs[name])
            for name, array in fitting.items()
        }
        yield names, batch


def _fitting(
    path: pathlib.Path, array: np.ndarray, spec: tf.TensorSpec
) -> np.ndarray:
    """An array with the axes that the model takes."""
    shape = tuple(spec.shape)
    if array.ndim == len(shape) and shape[-1:] == (1,):
        array = array[..., None]
    if not spec.shape.is_compatible_with(array.shape[1:]) or not len(array):
        raise UserError(
            f"Expected {_shape(spec)} for each of at least 1 example in "
            f"{path}, got an array of shape {array.shape}: reshape it."
        )
    return array


def _cast(
    path: pathlib.Path, batch: np.ndarray, spec: tf.TensorSpec
) -> np.ndarray:
    dtype = spec.dtype.as_numpy_dtype
    numeric = batch.dtype.kind in "biuf"
    # a value that does not fit is reported below
    with np.errstate(all="ignore"):
        cast = batch.astype(dtype) if numeric else batch
    if not numeric or not np.isfinite([batch, cast]).all():
        raise UserError(
            f"Expected finite numbers that fit {np.dtype(dtype)} in {path}, "
            f"got {batch.dtype} with text, NaN or too large: correct them."
        )
    if spec.dtype.is_integer and not np.array_equal(cast, batch):
        raise UserError(
            f"Expected whole numbers that fit {np.dtype(dtype)} in {path}, "
            f"got {batch.dtype} from {batch.min():g} to {batch.max():g}: "
            "give raw pixels from 0 to 255; the model scales them."
        )
    return cast


def _shape(spec: tf.TensorSpec) -> str:
    return f"shape {tuple(spec.shape)}"
