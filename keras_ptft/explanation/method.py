"""What a way to explain answers is."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo, InputSpec

Score = Callable[[tf.Tensor, int], tf.Tensor]
"""(answers, output) → what is explained of each answer."""

Explain = Callable[[tf.Tensor, int], np.ndarray]
"""(one example with its batch axis, output) → what each part adds."""

# examples that a model is given at a time
_TOGETHER = 64


class Subject(NamedTuple):
    """A model, and what is known of it.

    Attributes:
        model: from raw input to answers of shape (batch, outputs), float32.
        info: what is known of its data.
        train: the examples that it was trained on.
        score: what is explained of its answers.
    """

    model: keras.Model
    info: DataInfo
    train: Source
    score: Score


class Prepared(NamedTuple):
    """A method, made ready for a model.

    Attributes:
        explain: explains one answer.
        passes: how many examples' worth of inference it takes.
    """

    explain: Explain
    passes: int


class Method(NamedTuple):
    """A way to explain answers.

    Attributes:
        title: with its paper.
        reading: how to read what it gives; "{output}" is the answer.
        prepare: makes it ready for a model, or returns None where it does
            not apply.
    """

    title: str
    reading: str
    prepare: Callable[[Subject], Prepared | None]


def is_image(spec: InputSpec | None) -> bool:
    """Returns whether an input is one image of 8 bits a channel."""
    return (
        isinstance(spec, tf.TensorSpec)
        and spec.shape.rank == 3
        and spec.dtype == tf.uint8
    )


def is_row(spec: InputSpec | None) -> bool:
    """Returns whether an input is one row of numbers."""
    return (
        isinstance(spec, tf.TensorSpec)
        and spec.shape.rank == 1
        and spec.dtype.is_floating
    )


def scores_of(subject: Subject, inputs: np.ndarray, output: int) -> np.ndarray:
    """Computes what is explained of many inputs, float of shape (inputs,)."""
    parts = [
        subject.score(
            subject.model(inputs[start : start + _TOGETHER], training=False),
            output,
        ).numpy()
        for start in range(0, len(inputs), _TOGETHER)
    ]
    return np.concatenate(parts)
