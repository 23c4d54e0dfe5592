"""Logistic regressions: of classes, or one for each of several labels."""

import dataclasses
import warnings

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from keras_ptft.objectives.linear_head import Rows, Solution, Standardised

# multiplications of an iteration below which threads wait for each other
# longer than they compute
_SMALL = 1e7
# largest component of the gradient: to compare two C, and of the result
_ROUGH, _TOLERANCE = 1e-6, 1e-8


class Logistic:
    """Solves for one C after the other, from the last one's solution on.

    Args:
        train: the training rows.
        standardise: whether to standardise the features.
        max_iter: most iterations for each C and label.
    """

    setting = "C"

    def __init__(
        self, train: Rows, *, standardise: bool, max_iter: int
    ) -> None:
        self._inputs = Standardised(train.features, standardise)
        features, weights = self._inputs.features, train.weights
        self._parts: list[_Classes | _Label] = (
            [_Classes(_Fit(features, train.targets, weights, max_iter))]
            if train.targets.ndim == 1
            else [
                _Label(_Fit(features, has.astype(int), weights, max_iter))
                for has in train.targets.T
            ]
        )

    def solve(self, value: float, *, rough: bool = False) -> Solution:
        """Finds the head for one C.

        Args:
            value: C.
            rough: whether it is only compared with others.
        """
        tolerance = _ROUGH if rough else _TOLERANCE
        found = [part.solve(value, tolerance) for part in self._parts]
        kernel, bias = self._inputs.head(
            np.concatenate([part.slopes for part in found]),
            np.concatenate([part.bias for part in found]),
        )
        return Solution(
            kernel,
            bias,
            self.setting,
            value,
            iterations=max(part.iterations for part in found),
            converged=all(part.converged for part in found),
        )

    def loss(self, head: Solution, rows: Rows) -> float:
        """Computes the weighted mean of the cross-entropy, in nats.

        Of several labels it is their mean.
        """
        logits, targets = head.outputs(rows.features), rows.targets
        if targets.ndim == 1:
            found = log_softmax(logits, axis=1)
            losses = -np.take_along_axis(found, targets[:, None], axis=1)
        else:
            losses = -log_expit(np.where(targets > 0, logits, -logits))
        return float(np.average(losses.mean(axis=1), weights=rows.weights))


@dataclasses.dataclass(frozen=True)
class _Found:
    """Slopes of shape (outputs, width), bias of shape (outputs,)."""

    slopes: np.ndarray
    bias: np.ndarray
    iterations: int = 0
    converged: bool = True


class _Fit:
    """Scikit-learn's regression, which goes on where it ended."""

    def __init__(
        self,
        features: np.ndarray,
        classes: np.ndarray,
        weights: np.ndarray,
        max_iter: int,
    ) -> None:
        self.features, self.classes, self._weights = features, classes, weights
        small = features.size * len(np.unique(classes)) < _SMALL
        self._threads = 1 if small else None
        self._regression = LogisticRegression(
            max_iter=max_iter, warm_start=True
        )

    def solve(self, C: float, tolerance: float) -> _Found:
        regression = self._regression.set_params(C=C, tol=tolerance)
        with (
            threadpool_limits(self._threads),
            warnings.catch_warnings(record=True) as told,
        ):
            warnings.simplefilter("always", ConvergenceWarning)
            regression.fit(self.features, self.classes, self._weights)
        return _Found(
            regression.coef_,
            regression.intercept_,
            int(regression.n_iter_[0]),
            not any(w.category is ConvergenceWarning for w in told),
        )


class _Classes:
    """A logit for each class."""

    def __init__(self, fit: _Fit) -> None:
        self._fit = fit

    def solve(self, C: float, tolerance: float) -> _Found:
        found = self._fit.solve(C, tolerance)
        if len(found.slopes) > 1:
            return found
        # of two classes scikit-learn has the difference of the logits
        return dataclasses.replace(
            found,
            slopes=np.concatenate([-found.slopes / 2, found.slopes / 2]),
            bias=np.concatenate([-found.bias / 2, found.bias / 2]),
        )


class _Label:
    """The logit of one label."""

    def __init__(self, fit: _Fit) -> None:
        self._fit = fit

    def solve(self, C: float, tolerance: float) -> _Found:
        has = self._fit.classes
        if (has != has[0]).any():
            return self._fit.solve(C, tolerance)
        # Laplace's rule of succession: of n examples all have it, so the
        # next one has it with probability (n + 1) / (n + 2)
        odds = np.log(len(has) + 1) * (1 if has[0] else -1)
        return _Found(np.zeros((1, self._fit.features.shape[1])), odds[None])
