"""The directions in which features of training examples differ most."""

import dataclasses
import os

import numpy as np
from sklearn.utils.extmath import randomized_svd

from keras_ptft.files import replacing

COMPONENTS = 8
"""Principal components that are watched, at most."""

# a share of the variance that is rounding
_NOTHING = 1e-9


@dataclasses.dataclass(frozen=True)
class FeatureSpace:
    """Principal components of features, and how far features lie from them.

    Attributes:
        mean: of the features, float64 of shape (width,).
        axes: orthonormal, of shape (components, width).
        variances: along each axis, of shape (components,).
        rest: mean variance of a direction beside the axes; 0: there is none.
    """

    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    rest: float

    @classmethod
    def of(cls, features: np.ndarray) -> "FeatureSpace | None":
        """Finds the axes.

        Args:
            features: of training examples, of shape (examples, width).

        Returns:
            The space; None where all features are alike or not finite.
        """
        rows = features.astype(np.float64)
        if len(rows) < 2 or not np.isfinite(rows).all():
            return None
        mean = rows.mean(axis=0)
        centered = rows - mean
        total = centered.var(axis=0, ddof=1).sum()
        count = min(COMPONENTS, *rows.shape)
        _, values, axes = randomized_svd(centered, count, random_state=0)
        variances = values**2 / (len(rows) - 1)
        kept = variances > _NOTHING * total
        if not kept.any():
            return None
        variances = variances[kept]
        left = total - variances.sum()
        others = rows.shape[1] - len(variances)
        rest = left / others if left > _NOTHING * total and others else 0.0
        return cls(mean, axes[kept], variances, float(rest))

    def coordinates(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Computes where features lie, and how far from all of training.

        The distance is that of Mahalanobis under the Gaussian whose
        covariance has these components and the same variance in all other
        directions (Tipping and Bishop 1999, "Probabilistic Principal
        Component Analysis").

        Args:
            features: of shape (examples, width).

        Returns:
            By the name of the quantity float64 of shape (examples,):
            "feature 1" and so on, in standard deviations of training, and
            "feature distance".
        """
        centered = features.astype(np.float64) - self.mean
        along = centered @ self.axes.T
        scaled = along / np.sqrt(self.variances)
        squared = (scaled**2).sum(axis=1)
        if self.rest:
            beside = (centered**2).sum(axis=1) - (along**2).sum(axis=1)
            squared += np.maximum(beside, 0) / self.rest
        found = {f"feature {i}": x for i, x in enumerate(scaled.T, 1)}
        return {**found, "feature distance": np.sqrt(squared)}

    def save(self, path: str | os.PathLike) -> None:
        """Writes an `.npz` file, which holds no features of an example."""
        arrays = dataclasses.asdict(self)
        with replacing(path) as partial:
            np.savez(partial, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "FeatureSpace":
        """Reads what `save` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged.
            LookupError: a part is missing.
        """
        with np.load(path, allow_pickle=False) as arrays:
            return cls(
                arrays["mean"],
                arrays["axes"],
                arrays["variances"],
                float(arrays["rest"]),
            )
