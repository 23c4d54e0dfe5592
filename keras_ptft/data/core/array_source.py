"""Examples held as one array."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.hashing import content_hashes


class ArraySource:
    """Examples that stand in one array, in memory or mapped from disk.

    Args:
        inputs: array of shape (examples, ...); a `np.memmap` is read as
            rows are asked for, any other is held as a tensor.
        labels: integers of shape (examples,).
        hashes: uint64 of shape (examples,); default: of `inputs`.
        name: of the model's input: "image", "vector" or "array".

    Example:

    >>> source = ArraySource(np.eye(3, dtype=np.float32), [0, 1, 2])
    >>> source.gather(tf.constant([2, 0], tf.int64)).numpy().tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        hashes: np.ndarray | None = None,
        name: str = "image",
    ) -> None:
        self.labels = np.asarray(labels, np.int64)
        self.hashes = content_hashes(inputs) if hashes is None else hashes
        self.spec = tf.TensorSpec(inputs.shape[1:], inputs.dtype, name)
        self._rows = row_reader(inputs)

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Inputs of shape (batch, *spec.shape)."""
        return self._rows(indices)


def row_reader(array: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Numbers → rows of an array, by TensorFlow operations.

    Args:
        array: a `np.memmap` is read as rows are asked for, any other is
            held as a tensor.
    """
    if not isinstance(array, np.memmap):
        # rows are all_gather by the host, also where there is a GPU
        with tf.device("CPU:0"):
            held = tf.constant(array)
        return lambda indices: tf.gather(held, indices)

    def read(indices: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array[indices])

    def rows(indices: tf.Tensor) -> tf.Tensor:
        found = tf.numpy_function(read, [indices], array.dtype)
        return tf.ensure_shape(found, [*indices.shape, *array.shape[1:]])

    return rows
