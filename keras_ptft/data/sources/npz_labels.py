"""Labels in arrays, as text or as indices of given names."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from keras_ptft.data.core.dataset import check_labels
from keras_ptft.data.core.labels import encode_labels
from keras_ptft.errors import UserError


@dataclasses.dataclass(frozen=True)
class ArrayLabels:
    """Labels of all splits of an npz file.

    Attributes:
        indices: split to the index of each example's name, int64.
        names: the name of each index.
        notes: what the arrays were taken for, where that is not plain.
        values: split to its `Source.values`, where labels are no classes.
    """

    indices: dict[str, np.ndarray]
    names: tuple[str, ...]
    notes: tuple[str, ...]
    values: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


def read_labels(
    arrays: Mapping[str, np.ndarray],
    where: Mapping[str, str],
    given: np.ndarray | None,
) -> ArrayLabels:
    """Converts labels, which are numbers, text, truth values or one-hot.

    Numbers are their own names, and floats count if they are whole; where
    names are given they are indices of these. The names of one-hot labels
    are the numbers of their columns.

    Args:
        arrays: split to its labels, with "train".
        where: split to what an error calls its labels.
        given: names in their order; None: the sorted values.

    Raises:
        UserError: several labels for an example, values that are no labels,
            or a label of another split that train lacks.
    """
    notes: list[str] = []
    names = None if given is None else read_names(given)
    columns = {}
    for split, array in arrays.items():
        width = _one_hot_width(array, where[split])
        if width:
            array = array.argmax(axis=1)
            notes.append(f"{where[split]} were one-hot")
            names = names or tuple(map(str, range(width)))
        columns[split] = _column(array, where[split], notes)
    if names is None:
        texts = {
            k: column.astype(str).tolist() for k, column in columns.items()
        }
        indices, names = encode_labels(texts, where)
        return ArrayLabels(indices, names, tuple(notes))
    numbered = {
        split: _indices(column, names, where[split])
        for split, column in columns.items()
    }
    return ArrayLabels(numbered, names, tuple(notes))


def _one_hot_width(array: np.ndarray, what: str) -> int:
    """Columns of one-hot labels, 0 of others."""
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "biuf":
        return 0
    if not np.isin(array, (0, 1)).all():
        return 0
    counts = array.astype(np.int64).sum(axis=1)
    wrong = np.flatnonzero(counts != 1)
    if len(wrong):
        raise UserError(
            f"{what} must hold one label an example, got "
            f"{counts[wrong[0]]} of {array.shape[1]} at example {wrong[0]}: "
            "choose one of each."
        )
    return array.shape[1]


def _column(array: np.ndarray, what: str, notes: list[str]) -> np.ndarray:
    """Labels of shape (examples,): integers, truth values or text."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise UserError(
            f"{what} must be of shape (examples,), got {array.shape}: save "
            "one label an example."
        )
    if array.dtype.kind == "S":
        array = _decoded(array, what)
    if array.dtype.kind == "f":
        whole = _whole(array, what)
        notes.append(f"{what} are floats, which are taken for whole numbers")
        return whole
    if array.dtype.kind not in "biuU":
        raise UserError(
            f"{what} must be whole numbers or text, got {array.dtype}: "
            "convert them."
        )
    if array.dtype.kind == "U" and (array == "").any():
        raise UserError(
            f"{what} must not be empty, got '' at example "
            f"{int(np.argmin(array != ''))}: name each class."
        )
    return array


def _decoded(array: np.ndarray, what: str) -> np.ndarray:
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError:
        raise UserError(
            f"{what} must be text in UTF-8, got other bytes: save text."
        ) from None


def _whole(array: np.ndarray, what: str) -> np.ndarray:
    # infinity has no remainder, and wider ones are no classes
    with np.errstate(invalid="ignore"):
        wrong = ~((array % 1 == 0) & (abs(array) < 2**53))
    if wrong.any():
        index = int(np.argmax(wrong))
        raise UserError(
            f"{what} must be whole numbers or text, got {array[index]} at "
            f"example {index}: convert them."
        )
    return array.astype(np.int64)


def read_names(given: np.ndarray) -> tuple[str, ...]:
    """Returns the names in an array of text.

    Raises:
        UserError: they are not in UTF-8.
    """
    if given.dtype.kind == "S":
        given = _decoded(given, "label_names")
    return tuple(str(name) for name in given.flat)


def _indices(
    labels: np.ndarray, names: tuple[str, ...], what: str
) -> np.ndarray:
    """Labels, which are names or indices, as indices of the given names."""
    if labels.dtype.kind == "U":
        unknown = sorted(set(labels.tolist()) - set(names))
        if unknown:
            raise UserError(
                f"label_names must hold every label, got {unknown[0]!r} in "
                f"{what}: add it."
            )
        index_of = {name: index for index, name in enumerate(names)}
        labels = np.array([index_of[label] for label in labels.tolist()])
    check_labels(labels, names)
    return labels.astype(np.int64)
