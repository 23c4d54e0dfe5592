"""Metrics of numbers that were predicted."""

import numpy as np
from sklearn import metrics


def regression_metrics(
    true: np.ndarray, predicted: np.ndarray
) -> dict[str, float]:
    """Computes how far predicted numbers are from the true ones.

    Args:
        true: of shape (examples,).
        predicted: likewise.

    Returns:
        `mae` and `rmse`, in the units of the data; and `r2`, the fraction of
        the variance that is explained, unless all true numbers are the same.

    Example:

    >>> found = regression_metrics(np.array([1, 2, 3]), np.array([1, 2, 5]))
    >>> {name: round(value, 4) for name, value in found.items()}
    {'mae': 0.6667, 'rmse': 1.1547, 'r2': -1.0}
    """
    true, predicted = (part.astype(np.float64) for part in (true, predicted))
    found = {
        "mae": metrics.mean_absolute_error(true, predicted),
        "rmse": metrics.root_mean_squared_error(true, predicted),
    }
    if np.ptp(true):
        found["r2"] = metrics.r2_score(true, predicted)
    return {name: float(value) for name, value in found.items()}
