"""What is to be predicted in arrays, where it is no class."""

from collections.abc import Callable, Mapping

import numpy as np

from keras_ptft.data.core.targets import CLASSES, NUMBERS, SETS, check_each
from keras_ptft.data.sources.npz_labels import (
    ArrayLabels,
    read_labels,
    read_names,
)
from keras_ptft.errors import UserError

ReadLabels = Callable[
    [Mapping[str, np.ndarray], Mapping[str, str], np.ndarray | None],
    ArrayLabels,
]
"""Arrays by split, what errors call them, and label_names → labels."""


def read_numbers(
    arrays: Mapping[str, np.ndarray],
    where: Mapping[str, str],
    given: np.ndarray | None,
) -> ArrayLabels:
    """Reads a number for each example.

    Args:
        arrays: split to its numbers, of shape (examples,) or (examples, 1).
        where: split to what an error calls them.
        given: label_names, which numbers have not.

    Raises:
        UserError: no numbers, or one that is not finite.
    """
    values = {}
    for split, array in arrays.items():
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise UserError(
                f"{where[split]} must be numbers of shape (examples,), got "
                f"{array.dtype} of shape {array.shape}: save one an example."
            )
        values[split] = _as_float32(array)
        check_each(values[split], (), where[split])
    notes = () if given is None else ("label_names are not used for numbers",)
    return ArrayLabels(_zeros(values), (), notes, values)


def read_sets(
    arrays: Mapping[str, np.ndarray],
    where: Mapping[str, str],
    given: np.ndarray | None,
) -> ArrayLabels:
    """Reads 0 or 1 for each example and label.

    Args:
        arrays: split to an array of shape (examples, labels).
        where: split to what an error calls it.
        given: the name of each label; None: the numbers of the columns.

    Raises:
        UserError: an array of another shape, or a value that is not 0 or 1.
    """
    values = {}
    names = None if given is None else read_names(given)
    for split, array in arrays.items():
        if array.ndim != 2 or array.dtype.kind not in "biuf":
            raise UserError(
                f"{where[split]} must be 0 or 1 in an array of shape "
                f"(examples, labels), got {array.dtype} of shape "
                f"{array.shape}: save a column for each label."
            )
        values[split] = _as_float32(array)
        names = names or tuple(map(str, range(array.shape[1])))
        check_each(values[split], names, where[split])
    return ArrayLabels(_zeros(values), names or (), (), values)


READERS: dict[str, ReadLabels] = {
    CLASSES: read_labels,
    NUMBERS: read_numbers,
    SETS: read_sets,
}


def _as_float32(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _zeros(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k: np.zeros(len(array), np.int64) for k, array in values.items()}
