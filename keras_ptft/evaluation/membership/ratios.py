"""Likelihood ratios of models that were trained with and without."""

import numpy as np

# with fewer models the variance of one example is not known well
_OWN_VARIANCE = 64
_LEAST = 1e-12


def likelihood_ratios(
    target: np.ndarray, shadows: np.ndarray, within: np.ndarray
) -> np.ndarray:
    """Computes how much likelier each example is a member than not.

    The likelihood-ratio attack (LiRA) of Carlini et al. 2022, "Membership
    Inference Attacks From First Principles", online: confidences of an
    example are a Gaussian over the models that were trained on it, and
    another over those that were not. With fewer than 64 models all examples
    share the variances, which are those around each example's own means.

    Args:
        target: confidences of the attacked model, (examples,).
        shadows: those of the shadow models, (models, examples).
        within: whether each model was trained on each example, likewise; of
            each example at least two were, and two were not.

    Returns:
        The logarithms of the ratios, float64 of shape (examples,).
    """
    shadows = shadows.astype(np.float64)
    inside = _log_density(target, shadows, within)
    return inside - _log_density(target, shadows, ~within)


def _log_density(
    target: np.ndarray, shadows: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    """The log density at the target, but for a constant."""
    count = chosen.sum(axis=0)
    mean = shadows.sum(axis=0, where=chosen) / count
    squares = ((shadows - mean) ** 2).sum(axis=0, where=chosen)
    if len(shadows) < _OWN_VARIANCE:
        variance = squares.sum() / (count - 1).sum()
    else:
        variance = squares / (count - 1)
    variance = np.maximum(variance, _LEAST)
    return -((target - mean) ** 2) / (2 * variance) - np.log(variance) / 2
