"""Numbers that a model predicted, and which are the farthest off."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_ptft.data.core.dataset import Source

_MOST_WORST = 15


@dataclasses.dataclass(frozen=True)
class Estimated:
    """An example and its number.

    Attributes:
        name: what a user knows it by; of a text, the text.
        true: its number.
        predicted: the one that was predicted.
    """

    name: str
    true: float
    predicted: float


@dataclasses.dataclass(frozen=True)
class Estimates:
    """The numbers of a split.

    Attributes:
        target: what the data call the number; empty: not known.
        true: float32 of shape (examples,).
        predicted: likewise.
        worst: examples with the largest errors, the largest first.
    """

    target: str
    true: np.ndarray
    predicted: np.ndarray
    worst: Sequence[Estimated]


def estimates(
    source: Source, predicted: np.ndarray, target: str = ""
) -> Estimates:
    """Finds the examples whose predicted numbers are the farthest off.

    Args:
        source: the examples, with their true numbers.
        predicted: of shape (examples,).
        target: what the data call the number.

    Returns:
        All numbers, and the 15 worst examples.

    Example:

    >>> from keras_ptft.data.core.array_source import ArraySource
    >>> source = ArraySource(np.eye(3), values=[1, 2, 3])
    >>> estimates(source, np.array([1, 4, 2])).worst[0]
    Estimated(name='example 1', true=2.0, predicted=4.0)
    """
    true = np.zeros(0) if source.values is None else source.values
    order = np.argsort(-np.abs(predicted - true), kind="stable")
    worst = [
        Estimated(_shown(source, i), float(true[i]), float(predicted[i]))
        for i in order[:_MOST_WORST].tolist()
    ]
    return Estimates(target, true, predicted, worst)


def _shown(source: Source, index: int) -> str:
    if source.texts is None:
        return source.name_of(index)
    (text,) = source.texts.gather(np.array([index])).numpy()
    return text.decode("utf-8", "replace")
