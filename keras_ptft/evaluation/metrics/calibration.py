"""Whether a classifier is as often right as it is sure."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from keras_ptft.evaluation.metrics.out_of_scope import confidence
from keras_ptft.evaluation.metrics.probabilities import brier_score

_BINS = 15
# beyond, a temperature makes all probabilities alike, or 0 and 1
_COLDEST, _HOTTEST = 0.01, 100.0


class Reliability(NamedTuple):
    """Examples by how probable their predicted class is, in 15 equal bins.

    Attributes:
        examples: of each bin, int of shape (15,).
        confidence: mean probability of the predicted class, float of shape
            (15,); NaN in an empty bin.
        accuracy: fraction that is right, likewise.
    """

    examples: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error.

        It is the mean, over the examples, of the distance of a bin's
        accuracy from its confidence (Guo et al. 2017, "On Calibration of
        Modern Neural Networks").
        """
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float(np.average(gaps, weights=self.examples))


def reliability(labels: np.ndarray, logits: np.ndarray) -> Reliability:
    """Sorts examples into bins of the probability of the predicted class.

    Args:
        labels: int of shape (examples,).
        logits: float of shape (examples, classes).

    Example:

    >>> labels, logits = np.array([0, 1]), np.log([[3.0, 1.0], [3.0, 1.0]])
    >>> found = reliability(labels, logits)
    >>> round(float(found.confidence[11]), 6), round(found.error, 6)
    (0.75, 0.25)
    """
    sure = confidence(logits)
    right = logits.argmax(axis=1) == labels
    # a bin has its upper end, not its lower
    inner = np.arange(1, _BINS) / _BINS
    bins = np.searchsorted(inner, sure, side="left")
    examples = np.bincount(bins, minlength=_BINS)
    with np.errstate(invalid="ignore"):
        return Reliability(
            examples,
            np.bincount(bins, sure, minlength=_BINS) / examples,
            np.bincount(bins, right, minlength=_BINS) / examples,
        )


def calibration_error(labels: np.ndarray, logits: np.ndarray) -> float:
    """Computes the expected calibration error, see `Reliability.error`.

    Args:
        labels: int of shape (examples,).
        logits: float of shape (examples, classes).
    """
    return reliability(labels, logits).error


def best_temperature(labels: np.ndarray, logits: np.ndarray) -> float | None:
    """Finds what logits are divided by so that their loss is the least.

    Temperature scaling (Guo et al. 2017) changes no predicted class.

    Args:
        labels: int of shape (examples,), of the validation split.
        logits: float of shape (examples, classes), likewise.

    Returns:
        From 0.01 to 100; None where every example is right, so that the
        least temperature would always be the best.

    Example:

    >>> labels, logits = np.array([0, 0, 0, 1]), np.array([[2.0, 0.0]] * 4)
    >>> round(best_temperature(labels, logits), 3)  # 2 / log(3)
    1.82
    """
    if np.all(logits.argmax(axis=1) == labels):
        return None
    # METRICS is read where this would take a second to import
    from scipy.optimize import minimize_scalar

    wide = logits.astype(np.float64)
    own = wide[np.arange(len(labels)), labels]

    def loss(log_temperature: float) -> float:
        factor = np.exp(-log_temperature)
        return float(np.mean(logsumexp(factor * wide, axis=1) - factor * own))

    found = minimize_scalar(
        loss,
        bounds=(np.log(_COLDEST), np.log(_HOTTEST)),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))


def calibration(
    labels: np.ndarray, logits: np.ndarray, temperature: float | None
) -> dict[str, Any]:
    """Computes how a split is calibrated, ready for JSON.

    Args:
        labels: int of shape (examples,).
        logits: float of shape (examples, classes).
        temperature: `best_temperature` of the validation split; None: there
            is none.

    Returns:
        `bins` (of each that has examples `from`, `to`, `examples`,
        `confidence` and `accuracy`), `error`, and with a temperature
        `temperature` and `error_scaled`, with the logits divided by it.
    """
    found = reliability(labels, logits)
    told = {"bins": _rows(found), "error": found.error}
    if temperature is not None:
        scaled = logits.astype(np.float64) / temperature
        told["temperature"] = temperature
        told["error_scaled"] = calibration_error(labels, scaled)
    return told


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Computes the mean negative log probability of the labels, in nats.

    It is what a temperature makes the least; the loss of a training may be
    another, as with label smoothing.

    Args:
        labels: int of shape (examples,).
        logits: float of shape (examples, classes).

    Example:

    >>> shares = np.array([[3.0, 1.0], [1.0, 3.0]])
    >>> round(log_loss(np.array([0, 1]), np.log(shares)), 4)  # log(4/3)
    0.2877
    """
    wide = logits.astype(np.float64)
    own = wide[np.arange(len(labels)), labels]
    return float(np.mean(logsumexp(wide, axis=1) - own))


def rescaled(
    labels: np.ndarray, logits: np.ndarray, temperature: float
) -> dict[str, Any]:
    """Computes what dividing logits by a temperature has done, for JSON.

    Args:
        labels: int of shape (examples,).
        logits: as the model gives them, float of shape (examples, classes).
        temperature: what they are divided by.

    Returns:
        `temperature`, and `before` and `after` it each the `log_loss`,
        `brier_score` and `calibration_error`.
    """
    scaled = logits.astype(np.float64) / temperature
    return {
        "temperature": temperature,
        "before": _probability_metrics(labels, logits),
        "after": _probability_metrics(labels, scaled),
    }


def _probability_metrics(
    labels: np.ndarray, logits: np.ndarray
) -> dict[str, float]:
    return {
        "log_loss": log_loss(labels, logits),
        "brier_score": brier_score(labels, logits),
        "calibration_error": calibration_error(labels, logits),
    }


def _rows(found: Reliability) -> list[dict[str, float]]:
    return [
        {
            "from": index / _BINS,
            "to": (index + 1) / _BINS,
            "examples": int(count),
            "confidence": float(found.confidence[index]),
            "accuracy": float(found.accuracy[index]),
        }
        for index, count in enumerate(found.examples)
        if count
    ]
