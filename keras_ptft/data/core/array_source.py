"""Examples held in arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.hashing import content_hashes
from keras_ptft.data.core.rows import Rows, all_held
from keras_ptft.errors import UserError


class ArraySource(Source):
    """Examples in arrays, in memory or mapped from disk.

    Args:
        inputs: array of shape (examples, ...), or a dict of such by the
            name of the model's input; a `np.memmap` is read from disk row
            by row, any other is held as a tensor.
        labels: whole numbers of shape (examples,); None: all 0.
        hashes: uint64 of shape (examples,); default: of `inputs`.
        name: of the model's input, "image", "vector" or "array", where
            there is one.
        values: what is to be predicted in place of a class: numbers of shape
            (examples,), or of shape (examples, labels) and 0 or 1.

    Raises:
        UserError: labels that are no whole numbers, values that are none, or
            not as many as there are examples.

    Example:

    >>> source = ArraySource(np.eye(3, dtype=np.float32), [0, 1, 2])
    >>> source.gather(tf.constant([2, 0], tf.int64)).numpy().tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        inputs: np.ndarray | Mapping[str, np.ndarray],
        labels: npt.ArrayLike | None = None,
        hashes: np.ndarray | None = None,
        name: str = "image",
        *,
        values: npt.ArrayLike | None = None,
    ) -> None:
        self._single = not isinstance(inputs, Mapping)
        arrays = dict(inputs) if isinstance(inputs, Mapping) else {name: inputs}
        specs = {
            key: tf.TensorSpec(array.shape[1:], array.dtype, key)
            for key, array in arrays.items()
        }
        self.spec = specs[name] if self._single else specs
        if labels is None:
            labels = np.zeros(len(next(iter(arrays.values()))), np.int64)
        self.labels = _whole(np.asarray(labels))
        _check_lengths(arrays, self.labels, "label")
        if values is not None:
            self.values = _numbers(np.asarray(values))
            _check_lengths(arrays, self.values, "value")
        self.hashes = _hashes(arrays) if hashes is None else hashes
        self._rows = {key: Rows(array) for key, array in arrays.items()}

    def gather(self, indices: tf.Tensor) -> Any:
        found = {key: rows.gather(indices) for key, rows in self._rows.items()}
        return next(iter(found.values())) if self._single else found

    @property
    def bytes_held(self) -> int | None:
        return all_held(rows.bytes_held for rows in self._rows.values())


def _whole(labels: np.ndarray) -> np.ndarray:
    is_number = labels.dtype.kind in "biuf"
    with np.errstate(invalid="ignore"):
        wrong = labels[labels % 1 != 0] if is_number else labels
    if wrong.size:
        raise UserError(
            f"Labels must be whole numbers, got {wrong.flat[0]}: number the "
            "classes from 0."
        )
    return labels.astype(np.int64)


def _check_lengths(
    arrays: Mapping[str, np.ndarray], targets: np.ndarray, what: str
) -> None:
    for key, array in arrays.items():
        if len(array) != len(targets):
            raise UserError(
                f"Expected one {what} for each example, got {len(array)} "
                f"examples of {key!r} and {len(targets)} {what}s."
            )


def _numbers(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "biuf" or values.ndim not in (1, 2):
        raise UserError(
            "Values must be numbers of shape (examples,) or (examples, "
            f"labels), got {values.dtype} of shape {values.shape}: convert "
            "them."
        )
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _hashes(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    hashes = [content_hashes(arrays[key]) for key in sorted(arrays)]
    return (
        hashes[0] if len(hashes) == 1 else content_hashes(np.stack(hashes, 1))
    )
