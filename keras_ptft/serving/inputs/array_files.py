"""Arrays in .npy and .npz files, and how they fit a model."""

import pathlib
import zipfile
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_ptft.data.sources.archives import map_array, read_array
from keras_ptft.errors import UserError, on_one_line


def load_arrays(
    path: pathlib.Path, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Reads the arrays of these names; without names, the one to predict.

    Args:
        path: an `.npy` file, which is mapped, or an `.npz` file.
        names: of arrays in an `.npz` file.

    Returns:
        Name to array.

    Raises:
        UserError: no such array, or one that is not to be trusted.
    """
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


def array_batches(
    path: pathlib.Path,
    arrays: Mapping[str, np.ndarray],
    specs: Mapping[str, tf.TensorSpec],
    batch_size: int,
) -> Iterator[tuple[list[str], dict[str, np.ndarray]]]:
    """Cuts arrays into batches that a model takes.

    Args:
        path: where they are from.
        arrays: by input name; the axis of channels may be missing.
        specs: input name to its spec, without the batch axis.
        batch_size: largest number of examples in a batch.

    Yields:
        A name for each example, and input name to examples.

    Raises:
        UserError: the model does not take their shapes or values.
    """
    fitting = {
        name: fitting_array(path, array, specs[name])
        for name, array in arrays.items()
    }
    count = len(next(iter(fitting.values())))
    for start in range(0, count, batch_size):
        end = min(start + batch_size, count)
        names = [f"{path}[{index}]" for index in range(start, end)]
        batch = {
            name: cast_array(path, array[start:end], specs[name])
            for name, array in fitting.items()
        }
        yield names, batch


def fitting_array(
    path: pathlib.Path, array: np.ndarray, spec: tf.TensorSpec
) -> np.ndarray:
    """Returns an array with the axes that the model takes.

    Args:
        path: where it is from.
        array: of shape (examples, ...).
        spec: the model's input, without the batch axis.

    Raises:
        UserError: another shape, or no example.
    """
    shape = tuple(spec.shape)
    if array.ndim == len(shape) and shape[-1:] == (1,):
        array = array[..., None]
    if not spec.shape.is_compatible_with(array.shape[1:]) or not len(array):
        raise UserError(
            f"Expected shape {shape} for each of at least 1 example in "
            f"{path}, got an array of shape {array.shape}: reshape it."
        )
    return array


def cast_array(
    path: pathlib.Path, batch: np.ndarray, spec: tf.TensorSpec
) -> np.ndarray:
    """Returns examples with the values that the model takes.

    Args:
        path: where they are from.
        batch: of shape (examples, ...).
        spec: the model's input, without the batch axis.

    Raises:
        UserError: values that are lost in spec's dtype.
    """
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
