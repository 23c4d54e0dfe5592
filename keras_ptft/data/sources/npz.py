"""The user's arrays in npz files."""

import pathlib
import zipfile
from collections.abc import Sequence

import numpy as np

from keras_ptft.data.core.dataset import Dataset, Loading, check_labels
from keras_ptft.data.core.splits import split_test
from keras_ptft.data.sources.archives import read_array
from keras_ptft.data.sources.arrays import as_input, name_labels, sized_source
from keras_ptft.errors import UserError, on_one_line

_LAYOUTS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("x", "y"),
    ("images", "labels"),
)


def npz(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Arrays of one npz file, of any example shape.

    The keys are x and y, or images and labels, split by content, or x_train,
    y_train, x_test and y_test; label_names is optional. Images are uint8 of
    shape (examples, height, width[, channels]).

    Args:
        loading: the settings of the run.
        path: the file; nothing pickled is read from it.
        test_fraction: fraction of the examples held out for testing.

    Raises:
        UserError: an unreadable file, missing keys, arrays that are not
            numbers, not finite, empty or of different length, or labels
            that are not indices or names.
    """
    arrays = _read(path)
    names = arrays.pop("label_names", None)
    keys = list(arrays)
    inputs = [as_input(arrays[key], f"{key} of {path}") for key in keys[::2]]
    columns = [arrays[key] for key in keys[1::2]]
    labels, label_names = _labels(columns, names, path)
    _check_pairs([array for array, _ in inputs], labels, path)
    sources = [
        sized_source(array, label, loading.image_size, name)
        for (array, name), label in zip(inputs, labels, strict=True)
    ]
    if len(sources) == 1:
        return split_test(sources[0], label_names, test_fraction)
    splits = dict(zip(("train", "test"), sources, strict=True))
    return Dataset(splits, label_names)


def _read(path: str) -> dict[str, np.ndarray]:
    file = pathlib.Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"No npz file {path!r}: correct the path.")
    if not zipfile.is_zipfile(file):
        raise UserError(f"{path} is not an npz file: write it by np.savez.")
    try:
        with np.load(file, allow_pickle=False) as stored:
            keys = _keys(stored.files, path)
            return {key: read_array(stored, key, path) for key in keys}
    except UserError:
        raise
    # a damaged file can raise anything
    except Exception as error:
        raise UserError(
            f"Cannot read {path}, expected arrays of numbers: "
            f"{on_one_line(error)}."
        ) from None


def _keys(found: Sequence[str], path: str) -> list[str]:
    for layout in _LAYOUTS:
        if set(layout) <= set(found):
            return [*layout, *(key for key in found if key == "label_names")]
    wanted = ", or ".join(" ".join(layout) for layout in _LAYOUTS)
    raise UserError(
        f"{path} must hold the arrays {wanted}; it holds: "
        f"{', '.join(found) or 'none'}."
    )


def _labels(
    parts: Sequence[np.ndarray], given: np.ndarray | None, path: str
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Labels of each part as indices of the names, and the names."""
    parts = [_column(part, path) for part in parts]
    whole = np.concatenate(parts)
    if whole.dtype.kind not in "iuU":
        raise UserError(
            f"Labels of {path} must be integers or text, got {whole.dtype}: "
            "convert them."
        )
    if whole.dtype.kind != "U" and whole.size and whole.min() < 0:
        raise UserError(
            f"Labels of {path} must not be negative, got {whole.min()} at "
            f"example {whole.argmin()}: number them from 0."
        )
    indices, names = name_labels(whole)
    if given is not None:
        names = tuple(str(name) for name in given.flat)
        indices = _indices(whole, names, path)
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(indices, ends), names


def _column(labels: np.ndarray, path: str) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise UserError(
            f"Labels of {path} must be of shape (examples,), got "
            f"{labels.shape}: save one label an example."
        )
    return labels


def _indices(
    labels: np.ndarray, names: tuple[str, ...], path: str
) -> np.ndarray:
    """Labels, which are names or indices, as indices of the given names."""
    if labels.dtype.kind == "U":
        unknown = sorted(set(labels.tolist()) - set(names))
        if unknown:
            raise UserError(
                f"label_names of {path} lack {unknown[0]!r}: add it."
            )
        index_of = {name: index for index, name in enumerate(names)}
        labels = np.array([index_of[label] for label in labels.tolist()])
    check_labels(labels, names)
    return labels.astype(np.int64)


def _check_pairs(
    inputs: Sequence[np.ndarray], labels: Sequence[np.ndarray], path: str
) -> None:
    for array, label in zip(inputs, labels, strict=True):
        if len(array) != len(label):
            raise UserError(
                f"{path} must hold one label an example, got {len(array)} "
                f"examples and {len(label)} labels."
            )
    kinds = {(array.shape[1:], array.dtype) for array in inputs}
    if len(kinds) > 1:
        texts = [f"{array.dtype} {array.shape[1:]}" for array in inputs]
        raise UserError(
            f"Train and test examples of {path} must be alike, got "
            f"{' and '.join(texts)}."
        )
