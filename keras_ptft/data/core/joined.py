"""Several sources as one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.rows import all_held
from keras_ptft.errors import UserError

_PADDING = -1


class JoinedSource(Source):
    """The examples of several sources, one source after the other.

    Args:
        sources: at least one; all have the same inputs and the same kind of
            targets.

    Raises:
        UserError: inputs that have no fixed shape, as tokens of texts.

    Example:

    >>> from keras_ptft.data.core.array_source import ArraySource
    >>> parts = [ArraySource(np.eye(3)[:2], [0, 1]), ArraySource(np.eye(3))]
    >>> joined = JoinedSource(parts)
    >>> joined.gather(tf.constant([2, 1], tf.int64)).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        first = sources[0]
        for spec in tf.nest.flatten(first.spec):
            if not spec.shape.is_fully_defined():
                raise UserError(
                    "Splits are joined of inputs of one shape, got "
                    f"{spec.shape}: hand over texts in place of tokens, or "
                    "one split."
                )
        self.spec, self.encoding = first.spec, first.encoding
        self.labels = np.concatenate([part.labels for part in sources])
        self.hashes = np.concatenate([part.hashes for part in sources])
        self.values = _joined([part.values for part in sources])
        self.groups = _joined([part.groups for part in sources])
        self.by = _joined([part.by for part in sources])
        self.has_targets = first.has_targets
        if first.tags is not None:
            self.tags = [tags for part in sources for tags in part.tags or ()]
        self._sources = tuple(sources)
        self._ends = np.cumsum([len(part) for part in sources])

    @property
    def bytes_held(self) -> int | None:
        return all_held(source.bytes_held for source in self._sources)

    def gather(self, indices: tf.Tensor) -> Any:
        part = tf.searchsorted(self._ends, indices, side="right")
        starts = tf.gather(np.array([0, *self._ends[:-1]]), part)
        count = len(self._sources)
        places = tf.dynamic_partition(tf.range(tf.size(part)), part, count)
        rows = tf.dynamic_partition(indices - starts, part, count)
        found = [
            source.gather(own)
            for source, own in zip(self._sources, rows, strict=True)
        ]

        def stitched(*parts: tf.Tensor) -> tf.Tensor:
            shape = [*indices.shape, *parts[0].shape[1:]]
            return tf.ensure_shape(tf.dynamic_stitch(places, parts), shape)

        return tf.nest.map_structure(stitched, *found)

    def targets(self, indices: tf.Tensor) -> tf.Tensor:
        if not self.has_targets:
            return super().targets(indices)
        every = self.tags or ()
        with tf.init_scope(), tf.device("CPU:0"):
            flat = np.concatenate([np.empty(0, np.int32), *every])
            tags = tf.RaggedTensor.from_row_lengths(
                flat.astype(np.int32), [len(each) for each in every]
            )
        return tf.gather(tags, indices).to_tensor(_PADDING)

    def name_of(self, index: int) -> str:
        part = int(np.searchsorted(self._ends, index, side="right"))
        start = int(self._ends[part - 1]) if part else 0
        return self._sources[part].name_of(index - start)


def _joined(arrays: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """The arrays one after the other; None where one of them is missing."""
    given = [array for array in arrays if array is not None]
    return np.concatenate(given) if len(given) == len(arrays) else None
