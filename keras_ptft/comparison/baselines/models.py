"""Linear models, by what is predicted and of what kind of features."""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from keras_ptft.comparison.baselines.features import Matrix
from keras_ptft.data.core.targets import CLASSES, NUMBERS, SETS
from keras_ptft.evaluation.metrics.classification import accuracy
from keras_ptft.evaluation.metrics.multi_label import rates

# most of the logistic regression's; where it needs more, the penalty is so
# weak that it is seldom chosen
_ITERATIONS = 200
# the score of a class without training examples
_NEVER = -30.0


@dataclasses.dataclass(frozen=True)
class Linear:
    """A linear model.

    Attributes:
        kernel: of shape (width, outputs).
        bias: of shape (outputs,).
    """

    kernel: np.ndarray
    bias: np.ndarray

    @property
    def parameters(self) -> int:
        """How many numbers were fitted."""
        return int(self.kernel.size + self.bias.size)

    def scores(self, rows: Matrix) -> np.ndarray:
        """Computes the outputs, float32 of shape (rows, outputs)."""
        return np.asarray(rows @ self.kernel + self.bias, np.float32)


Fit = Callable[[Matrix, np.ndarray, int, float], Linear]
"""(rows, targets, outputs, strength) → the model."""


@dataclasses.dataclass(frozen=True)
class Family:
    """Linear models of one kind, which differ in their penalty.

    Attributes:
        name: as a person reads it.
        setting: the name of what sets the penalty.
        grid: its values, from strong penalties to weak ones, which take
            longest.
        default: the value where there is nothing to choose it on.
        fit: finds the model for one value.
        error: (scores, targets) → what is to be low.
        has_loss: whether the scores are what the objective's loss is of.
    """

    name: str
    setting: str
    grid: Sequence[float]
    default: float
    fit: Fit
    error: Callable[[np.ndarray, np.ndarray], float]
    has_loss: bool = True


def _logistic(C: float) -> Any:
    return LogisticRegression(C=C, max_iter=_ITERATIONS)


def _svm(C: float) -> Any:
    # its solver goes through the examples in a random order
    return LinearSVC(C=C, random_state=0)


def _classes(make: Callable[[float], Any]) -> Fit:
    """One class an example."""

    def fit(
        rows: Matrix, labels: np.ndarray, outputs: int, strength: float
    ) -> Linear:
        kernel = np.zeros((rows.shape[1], outputs), np.float32)
        bias = np.full(outputs, _NEVER, np.float32)
        there = np.unique(labels)
        if len(there) == 1:
            bias[there] = 0
            return Linear(kernel, bias)
        slopes, starts = _fitted(make(strength), rows, labels)
        if len(slopes) == 1:
            # of two classes there is the difference of the scores
            slopes = np.concatenate([-slopes / 2, slopes / 2])
            starts = np.concatenate([-starts / 2, starts / 2])
        kernel[:, there], bias[there] = slopes.T, starts
        return Linear(kernel, bias)

    return fit


def _sets(make: Callable[[float], Any]) -> Fit:
    """Any of several labels an example, each found by itself."""

    def fit(
        rows: Matrix, values: np.ndarray, outputs: int, strength: float
    ) -> Linear:
        kernel = np.zeros((rows.shape[1], outputs), np.float32)
        bias = np.zeros(outputs, np.float32)
        for label, column in enumerate(values.T):
            if column.min() == column.max():
                bias[label] = -_NEVER if column[0] else _NEVER
                continue
            slopes, start = _fitted(make(strength), rows, column)
            kernel[:, label], bias[label] = slopes[0], start[0]
        return Linear(kernel, bias)

    return fit


def _of_each_label(family: Family, make: Callable[[float], Any]) -> Family:
    return dataclasses.replace(
        family,
        name=f"{family.name} of each label",
        fit=_sets(make),
        error=_missed,
    )


def _numbers(
    rows: Matrix, values: np.ndarray, outputs: int, strength: float
) -> Linear:
    # in float32 columns that are nearly the same cannot be told apart
    wide = rows.astype(np.float64)
    model = Ridge(alpha=strength).fit(wide, values.astype(np.float64))
    kernel = model.coef_.reshape(-1, outputs)
    return Linear(kernel, np.full(outputs, model.intercept_))


def _fitted(
    model: Any, rows: Matrix, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The slopes, of shape (scores, width), and the biases."""
    basis: np.ndarray | None = None
    if isinstance(rows, np.ndarray) and rows.shape[0] < rows.shape[1]:
        # the best slopes are sums of examples: there is no need to look
        # for them in more dimensions than there are examples
        basis = np.linalg.qr(rows.T)[0]
        rows = rows @ basis
    with warnings.catch_warnings():
        # see _ITERATIONS: the model is used as it is
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows, targets)
    slopes = model.coef_ if basis is None else model.coef_ @ basis.T
    return slopes, model.intercept_


def _cross_entropy(scores: np.ndarray, labels: np.ndarray) -> float:
    found = log_softmax(scores.astype(np.float64), axis=1)
    return -float(np.take_along_axis(found, labels[:, None], axis=1).mean())


def _error_rate(scores: np.ndarray, labels: np.ndarray) -> float:
    return 1 - accuracy(labels, scores)


def _missed(scores: np.ndarray, values: np.ndarray) -> float:
    """What the micro F1 lacks of 1."""
    return 1 - rates(values > 0, scores > 0)[2]


def _squared(scores: np.ndarray, values: np.ndarray) -> float:
    return float(np.mean((scores[:, 0] - values) ** 2, dtype=np.float64))


_OF_NUMBERS = Family(
    name="logistic regression",
    setting="C",
    grid=(0.001, 0.01, 0.1, 1.0, 10.0),
    default=0.1,
    fit=_classes(_logistic),
    error=_cross_entropy,
)
_OF_TEXTS = Family(
    name="linear SVM",
    setting="C",
    grid=(0.1, 0.3, 1.0, 3.0),
    default=1.0,
    fit=_classes(_svm),
    error=_error_rate,
    has_loss=False,
)
_RIDGE = Family(
    name="ridge regression",
    setting="alpha",
    grid=(1e4, 1e3, 100.0, 10.0, 1.0, 0.1),
    default=10.0,
    fit=_numbers,
    error=_squared,
)

FAMILIES: dict[tuple[str, bool], Family] = {
    (CLASSES, False): _OF_NUMBERS,
    (CLASSES, True): _OF_TEXTS,
    (SETS, False): _of_each_label(_OF_NUMBERS, _logistic),
    (SETS, True): _of_each_label(_OF_TEXTS, _svm),
    (NUMBERS, False): _RIDGE,
    # TF-IDF has rows of length 1
    (NUMBERS, True): dataclasses.replace(
        _RIDGE, grid=(30.0, 10.0, 3.0, 1.0, 0.3, 0.1), default=1.0
    ),
}
"""What is predicted, and whether features are sparse, to the models."""
