"""Rows of arrays, read by their indices on the device that asks for them."""

import contextlib
import contextvars
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

# pipelines run on the host, also where there is a GPU
_HOST = "CPU:0"
_DEVICE = contextvars.ContextVar("device", default=_HOST)


@contextlib.contextmanager
def rows_on(device: str) -> Iterator[None]:
    """Reads rows on a device while a function is traced; else on the host.

    Example:

    >>> rows = Rows(np.array([5, 7]))
    >>> with rows_on("CPU:0"):
    ...     rows.gather(tf.constant([1])).numpy().tolist()
    [7]
    """
    token = _DEVICE.set(device)
    try:
        yield
    finally:
        _DEVICE.reset(token)


class Rows:
    """An array whose rows are read by TensorFlow operations.

    Args:
        array: a `np.memmap` is read from disk at each call, any other is
            held as a tensor, once on each device that reads it.
    """

    def __init__(self, array: np.ndarray) -> None:
        self._mapped = array if isinstance(array, np.memmap) else None
        self._held: dict[str, tf.Tensor] = {}
        if self._mapped is None:
            with tf.init_scope(), tf.device(_HOST):
                self._held[_HOST] = tf.constant(array)

    @property
    def bytes_held(self) -> int | None:
        """Bytes on each device; None where rows are read from disk."""
        if self._mapped is not None:
            return None
        held = self._held[_HOST]
        return int(held.shape.num_elements() * held.dtype.size)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Reads rows.

        Args:
            indices: integers of any shape.

        Returns:
            Tensor of shape (*indices, *row).
        """
        if self._mapped is None:
            return tf.gather(self._here(), indices)
        array = self._mapped

        def read(places: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(array[places])

        found = tf.numpy_function(read, [indices], array.dtype)
        return tf.ensure_shape(found, [*indices.shape, *array.shape[1:]])

    def _here(self) -> tf.Tensor:
        """The array on the device that `rows_on` names."""
        device = _DEVICE.get()
        if device not in self._held:
            # a constant inside a graph would be copied into each trace
            with tf.init_scope(), tf.device(device):
                self._held[device] = tf.identity(self._held[_HOST])
        return self._held[device]


def all_held(parts: Iterable[int | None]) -> int | None:
    """Returns the sum of `bytes_held`; None where one of them is None.

    Example:

    >>> all_held([3, 4]), all_held([3, None])
    (7, None)
    """
    sizes = list(parts)
    held = [size for size in sizes if size is not None]
    return sum(held) if len(held) == len(sizes) else None
