"""A linear head that is solved: what from, and where it goes."""

import dataclasses
from collections.abc import Callable, Mapping

import keras
import numpy as np

from keras_ptft.errors import UserError


@dataclasses.dataclass(frozen=True)
class Rows:
    """Examples as a probe sees them.

    Attributes:
        features: of shape (examples, width).
        targets: of shape (examples,), int64 classes from 0, or numbers; or
            of shape (examples, labels), 1 for each label of the example and
            else 0.
        weights: of shape (examples,), how much each counts.
    """

    features: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclasses.dataclass(frozen=True)
class Solution:
    """A linear head, and how it was found.

    Attributes:
        kernel: float32 of shape (width, outputs).
        bias: float32 of shape (outputs,).
        setting: of the probe, which says how strong the penalty is.
        value: of this setting.
        iterations: of the solver, for this value, of several labels the most
            of one; 0: there is a closed form.
        converged: whether the solver found the minimum.
        validation_losses: by value, of all that were tried.
    """

    kernel: np.ndarray
    bias: np.ndarray
    setting: str
    value: float
    iterations: int = 0
    converged: bool = True
    validation_losses: Mapping[float, float] = dataclasses.field(
        default_factory=dict
    )

    def outputs(self, features: np.ndarray) -> np.ndarray:
        """Computes what the head gives, float64 of shape (rows, outputs)."""
        return (features @ self.kernel + self.bias).astype(np.float64)


Probe = Callable[[Rows, Rows | None], Solution]
"""(training rows, validation rows or None) → the head."""


class Standardised:
    """Features that a solver sees, and the head for them as they are.

    Standardised features are a linear function of the features, so a head
    for the ones is one for the others.

    Args:
        features: of shape (examples, width).
        standardise: whether each is brought to mean 0 and standard
            deviation 1, or left as it is.

    Attributes:
        features: float64, in which a solver finds the minimum.
    """

    def __init__(self, features: np.ndarray, standardise: bool) -> None:
        width = features.shape[1]
        self._mean, self._scale = np.zeros(width), np.ones(width)
        if standardise:
            self._mean = features.mean(axis=0, dtype=np.float64)
            scale = features.std(axis=0, dtype=np.float64)
            self._scale = np.where(scale > 0, scale, 1.0)
        self.features = (features - self._mean) / self._scale

    def head(
        self, slopes: np.ndarray, bias: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Computes the head for the features as they are.

        Args:
            slopes: for what the solver saw, of shape (outputs, width).
            bias: likewise, of shape (outputs,).

        Returns:
            Kernel and bias, float32 of shape (width, outputs) and (outputs,).
        """
        slopes = slopes / self._scale
        bias = bias - slopes @ self._mean
        return slopes.T.astype(np.float32), bias.astype(np.float32)


def solve_layer(
    head: keras.Model, layer: str, probe: Probe, rows: Mapping[str, Rows]
) -> Solution:
    """Sets a dense layer to what a probe finds.

    Args:
        head: the model from features to outputs.
        layer: name of its dense layer.
        probe: finds a linear head.
        rows: of "train", and of "validation" where there is such a split.

    Raises:
        UserError: features that are not finite, or the probe cannot choose.
    """
    if not all(np.isfinite(part.features).all() for part in rows.values()):
        raise UserError(
            "A probe needs finite features, and the backbone gives others "
            "too: look for extreme values in the data."
        )
    found = probe(rows["train"], rows.get("validation"))
    with head.distribute_strategy.scope():
        head.get_layer(layer).set_weights([found.kernel, found.bias])
    return found
