"""Rows of arrays, read by their indices on the device that asks for them."""

import contextlib
import contextvars
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
import tensorflow as tf

HOST = "CPU:0"
"""Where pipelines run, also on a machine with a GPU."""

Place: TypeAlias = str | tf.distribute.Strategy
"""A device, or the strategy whose variables hold rows on each of its own."""

_PLACE = contextvars.ContextVar[Place]("place", default=HOST)


@contextlib.contextmanager
def rows_on(place: Place) -> Iterator[None]:
    """Reads rows on a device while a function is traced; else on the host.

    A TPU takes a strategy: it holds nothing but variables from step to step.

    Example:

    >>> rows = Rows(np.array([5, 7]))
    >>> with rows_on("CPU:0"):
    ...     rows.gather(tf.constant([1])).numpy().tolist()
    [7]
    """
    token = _PLACE.set(place)
    try:
        yield
    finally:
        _PLACE.reset(token)


class Rows:
    """An array whose rows are read by TensorFlow operations.

    Args:
        array: a `np.memmap` is read from disk at each call, any other is
            held as a tensor, once on each device that reads it.
    """

    def __init__(self, array: np.ndarray) -> None:
        self._mapped = array if isinstance(array, np.memmap) else None
        self._held: dict[Place, tf.Tensor | tf.Variable] = {}
        if self._mapped is None:
            with tf.init_scope(), tf.device(HOST):
                self._held[HOST] = tf.constant(array)

    @property
    def bytes_held(self) -> int | None:
        """Bytes on each device; None where rows are read from disk."""
        if self._mapped is not None:
            return None
        held = self._held[HOST]
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

    def _here(self) -> tf.Tensor | tf.Variable:
        """The array where `rows_on` says."""
        place = _PLACE.get()
        if place not in self._held:
            # a constant inside a graph would be copied into each trace
            with tf.init_scope():
                self._held[place] = _copied(self._held[HOST], place)
        return self._held[place]


def _copied(rows: tf.Tensor, place: Place) -> tf.Tensor | tf.Variable:
    if isinstance(place, str):
        with tf.device(place):
            return tf.identity(rows)
    with place.scope():
        return tf.Variable(rows, trainable=False)


def all_held(parts: Iterable[int | None]) -> int | None:
    """Returns the sum of `bytes_held`; None where one of them is None.

    Example:

    >>> all_held([3, 4]), all_held([3, None])
    (7, None)
    """
    sizes = list(parts)
    held = [size for size in sizes if size is not None]
    return sum(held) if len(held) == len(sizes) else None
