"""Ridge regression in closed form."""

import numpy as np

from keras_ptft.objectives.linear_head import Rows, Solution, Standardised


class Ridge:
    """Solves for any alpha by one decomposition.

    With centred features X, targets y and the eigenvectors V and eigenvalues
    λ of XᵀX the slopes are V (Vᵀ Xᵀ y / (λ + alpha)). Of fewer examples than
    features XXᵀ is the smaller matrix: Xᵀ V (Vᵀ y / (λ + alpha)).

    Args:
        train: the training rows; their targets are numbers.
        standardise: whether to standardise the features.
    """

    setting = "alpha"

    def __init__(self, train: Rows, *, standardise: bool) -> None:
        self._inputs = Standardised(train.features, standardise)
        features, targets = self._inputs.features, train.targets
        self._mean = np.average(features, axis=0, weights=train.weights)
        self._target = float(np.average(targets, weights=train.weights))
        # an error that counts w times is one that is sqrt(w) times as large
        size = np.sqrt(train.weights)[:, None]
        centred = features - self._mean
        centred *= size
        errors = (targets[:, None] - self._target) * size
        is_wide = centred.shape[1] > centred.shape[0]
        gram = centred @ centred.T if is_wide else centred.T @ centred
        values, vectors = np.linalg.eigh(gram)
        # below 0 by rounding alone
        self._values = np.maximum(values, 0.0)
        self._left = centred.T @ vectors if is_wide else vectors
        right = errors if is_wide else centred.T @ errors
        self._shares = (vectors.T @ right)[:, 0]

    def solve(self, value: float, *, rough: bool = False) -> Solution:
        """Finds the head for one alpha.

        Args:
            value: alpha.
            rough: makes no difference: a closed form is exact.
        """
        del rough
        slopes = self._left @ (self._shares / (self._values + value))
        bias = self._target - slopes @ self._mean
        kernel, offset = self._inputs.head(slopes[None], np.array([bias]))
        return Solution(kernel, offset, self.setting, value)

    def loss(self, head: Solution, rows: Rows) -> float:
        """Computes the weighted mean of the squared errors."""
        errors = head.outputs(rows.features)[:, 0] - rows.targets
        return float(np.average(errors**2, weights=rows.weights))
