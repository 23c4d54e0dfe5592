"""Numbers that a model predicted."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Estimates:
    """The numbers of a split.

    Attributes:
        target: what the data call the number; empty: not known.
        true: float32 of shape (examples,).
        predicted: likewise.
    """

    target: str
    true: np.ndarray
    predicted: np.ndarray
