"""The user's arrays in npz files."""

import pathlib
import zipfile
from collections.abc import Mapping

import numpy as np

from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.classes import listed
from keras_ptft.data.core.dataset import Dataset, Loading
from keras_ptft.data.sources.archives import read_array
from keras_ptft.data.sources.arrays import as_input, sized_source
from keras_ptft.data.sources.npz_keys import LABEL_NAMES, Pair, find_pairs
from keras_ptft.data.sources.npz_labels import ArrayLabels
from keras_ptft.data.sources.npz_targets import READERS
from keras_ptft.errors import UserError, on_one_line

_CHANNELS = 1, 3, 4


def npz(
    loading: Loading, /, path: str, *, test_fraction: float = 0.2
) -> Dataset:
    """Arrays of one npz file, of any example shape.

    The keys are x and y, or images and labels (also image, data or inputs,
    and label or targets), split by content; or such words with the name of a
    split, as x_train and y_train, train_images and train_labels, val_images
    and so on. label_names is optional. Images are uint8 of shape (examples,
    height, width[, channels]). Labels are classes, numbers of shape
    (examples,), or 0 and 1 of shape (examples, labels), as --objective says;
    there may be none where it needs none.

    Args:
        loading: the settings of the run.
        path: the file; nothing pickled is read from it.
        test_fraction: fraction of the examples held out for testing if no
            key is of the test split.

    Raises:
        UserError: an unreadable file, missing keys, arrays that are not
            numbers, not finite, empty or of different length, several
            labels for an example, or labels that training lacks.
    """
    loading.refuse(
        "npz",
        *("group_column", "group_pattern", "image_column", "image_root"),
        "label_columns",
    )
    pairs, rest, arrays = _read(path, loading.needs_labels)
    labels = _labels(path, pairs, arrays, loading.label_kind)
    notes = [*labels.notes]
    if rest:
        notes.append(f"arrays of {path} that are left out: {listed(rest)}")
    sources = {}
    for split, (key, _) in pairs.items():
        what = f"{key} of {path}"
        notes += _taken_for(arrays[key], what)
        array, name = as_input(arrays[key], what)
        input_ = loading.image_size, name, loading.image_form.resize
        sources[split] = _source(array, labels.indices[split], what, input_)
        sources[split].values = labels.values.get(split)
    return Dataset(
        sources,
        labels.names,
        test_fraction=test_fraction,
        image_form=loading.image_form,
        notes=tuple(notes),
    )


def _read(
    path: str, needs_labels: bool
) -> tuple[Mapping[str, Pair], list[str], dict[str, np.ndarray]]:
    """The keys of each split, other keys, and the arrays of the former."""
    file = pathlib.Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"No npz file {path!r}: correct the path.")
    if not zipfile.is_zipfile(file):
        raise UserError(f"{path} is not an npz file: write it by np.savez.")
    try:
        with np.load(file, allow_pickle=False) as stored:
            pairs, rest = find_pairs(
                stored.files, path, needs_labels=needs_labels
            )
            keys = [key for pair in pairs.values() for key in pair if key]
            keys += [key for key in stored.files if key == LABEL_NAMES]
            return pairs, rest, {k: read_array(stored, k, path) for k in keys}
    except UserError:
        raise
    # a damaged file can raise anything
    except Exception as error:
        raise UserError(
            f"Cannot read {path}, expected arrays of numbers: "
            f"{on_one_line(error)}."
        ) from None


def _labels(
    path: str,
    pairs: Mapping[str, Pair],
    arrays: Mapping[str, np.ndarray],
    kind: str,
) -> ArrayLabels:
    if not all(pair.labels for pair in pairs.values()):
        none = {
            split: np.zeros(len(arrays[pair.inputs]), np.int64)
            for split, pair in pairs.items()
        }
        note = f"{path} has no labels of training examples: none are used"
        return ArrayLabels(none, (), (note,))
    return READERS[kind](
        {split: arrays[pair.labels] for split, pair in pairs.items()},
        {split: f"{pair.labels} of {path}" for split, pair in pairs.items()},
        arrays.get(LABEL_NAMES),
    )


def _taken_for(array: np.ndarray, what: str) -> list[str]:
    """Notes of what may have been meant otherwise."""
    if array.ndim not in (3, 4):
        return []
    shape = "×".join(map(str, array.shape[1:]))
    if array.dtype != np.uint8:
        return [
            f"{what}, {array.dtype} of {shape}, is taken for arrays of "
            "numbers: images are uint8"
        ]
    if array.ndim == 3 or array.shape[3] in _CHANNELS:
        return []
    if array.shape[1] not in _CHANNELS:
        return []
    height, width, channels = array.shape[1:]
    return [
        f"{what} is taken for images of {height}×{width} pixels with "
        f"{channels} channels: where channels stand first, move them behind"
    ]


def _source(
    array: np.ndarray,
    labels: np.ndarray,
    what: str,
    input_: tuple[int, str, str],
) -> ArraySource:
    if len(array) != len(labels):
        raise UserError(
            f"{what} must have one label an example, got {len(array)} "
            f"examples and {len(labels)} labels."
        )
    return sized_source(array, labels, *input_)
