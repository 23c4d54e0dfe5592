"""Examples that come with what a teacher answers for them."""

from typing import Any, NamedTuple

import tensorflow as tf

from keras_ptft.data.core.dataset import DerivedSource, Source
from keras_ptft.data.core.rows import all_held
from keras_ptft.data.pipeline.epoch_views import Views


class Answered(NamedTuple):
    """Inputs of a batch, and a teacher's answers for the same examples."""

    inputs: Any
    answers: tf.Tensor


class AnsweredSource(DerivedSource):
    """The examples of a source, which is read as `Answered`.

    Args:
        source: the examples.
        answers: has the answer for each of them as its input.
    """

    def __init__(self, source: Source, answers: Source) -> None:
        super().__init__(source)
        self._answers = answers

    @property
    def bytes_held(self) -> int | None:
        return all_held([self.source.bytes_held, self._answers.bytes_held])

    def gather(self, indices: tf.Tensor) -> Answered:
        return Answered(super().gather(indices), self._answers.gather(indices))

    def gather_at_epoch(self, epoch: tf.Tensor, indices: tf.Tensor) -> Answered:
        return Answered(
            super().gather_at_epoch(epoch, indices),
            self._answers.gather_at_epoch(epoch, indices),
        )


def answered(source: Source, answers: Source) -> Source:
    """Puts answers beside examples; of `Views`, beside those of each view.

    Args:
        source: the examples.
        answers: of a source or of `Views`, as `source` is one.

    Example:

    >>> import numpy as np
    >>> from keras_ptft.data.core.array_source import ArraySource
    >>> parts = (ArraySource(np.eye(3)[:, :width]) for width in (2, 1))
    >>> found = answered(*parts).gather(tf.constant([2, 0], tf.int64))
    >>> found.inputs.numpy().tolist(), found.answers.numpy().tolist()
    ([[0.0, 0.0], [1.0, 0.0]], [[0.0], [1.0]])
    """
    if not (isinstance(source, Views) and isinstance(answers, Views)):
        return AnsweredSource(source, answers)
    pairs = zip(source.sources, answers.sources, strict=True)
    return Views(tuple(AnsweredSource(*pair) for pair in pairs))
