"""Whether a classifier knows what belongs to none of its classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics.probabilities import probability_parts

# one in so many examples that belong to a class may be rejected: 5 %
_REJECTED = 20


def confidence(logits: np.ndarray) -> np.ndarray:
    """Computes the highest probability of each example, float64 (examples,).

    Example:

    >>> confidence(np.log([[1.0, 3.0], [1.0, 1.0]])).round(6).tolist()
    [0.75, 0.5]
    """
    parts = probability_parts(np.asarray(logits))
    return np.concatenate([np.zeros(0), *(p.max(axis=1) for _, p in parts)])


def out_of_scope(
    test: np.ndarray,
    outside: np.ndarray,
    validation: np.ndarray | None = None,
    *,
    reject_below: float = 0.0,
) -> dict[str, Any]:
    """Computes how well the highest probability finds what is of no class.

    Below a threshold an example is rejected (Hendrycks and Gimpel 2017, "A
    Baseline for Detecting Misclassified and Out-of-Distribution Examples").
    The threshold is the highest that rejects at most 5 % of the validation
    examples; so the test split says what it rejects of others. Without a
    validation split it is chosen on the test split.

    Args:
        test: highest probability of each example that is of a class.
        outside: likewise of each that is of none.
        validation: likewise of validation examples, all of a class.
        reject_below: another threshold to report; 0: none.

    Returns:
        `examples` (of no class), `auroc`, `chosen_on`, `threshold`, `recall`
        (share of those of no class that is rejected), `false_rejection`
        (share of the test examples that is) and, where it is asked for,
        `at_reject_below` with the last three.

    Raises:
        UserError: there are no examples.

    Example:

    >>> found = out_of_scope([0.9, 0.8, 0.3], [0.4, 0.2])
    >>> found["threshold"], found["recall"], round(found["auroc"], 3)
    (0.3, 0.5, 0.833)
    """
    chosen_on = "test" if validation is None else "validation"
    known = np.sort(test if validation is None else validation)
    if not (len(test) and len(outside) and len(known)):
        raise UserError(
            "Expected at least 1 example in each of the splits test, outside "
            f"and {chosen_on}, got {len(test)}, {len(outside)} and "
            f"{len(known)}: check the data."
        )
    # METRICS is read where this would take a second to import
    from sklearn.metrics import roc_auc_score

    of_class = np.repeat([1, 0], [len(test), len(outside)])
    scores = np.concatenate([test, outside])
    found = {
        "examples": len(outside),
        "auroc": float(roc_auc_score(of_class, scores)),
        "chosen_on": chosen_on,
        **_rejected(test, outside, float(known[len(known) // _REJECTED])),
    }
    if reject_below:
        at = _rejected(test, outside, reject_below)
        found["at_reject_below"] = at
    return found


def summary_line(found: Mapping[str, Any]) -> str:
    """Returns what `out_of_scope` found, in a line for the log.

    Example:

    >>> summary_line(out_of_scope([0.9, 0.8, 0.3], [0.4, 0.2]))
    'Out of scope: below a probability of 0.3, 50.0 % of 2 are rejected, \
and 0.0 % of the test examples; AUROC 0.8333.'
    """
    return (
        f"Out of scope: below a probability of {found['threshold']:.4g}, "
        f"{found['recall']:.1%} of {found['examples']:,} are rejected, and "
        f"{found['false_rejection']:.1%} of the test examples; AUROC "
        f"{found['auroc']:.4f}."
    ).replace("%", " %")


def _rejected(
    test: np.ndarray, outside: np.ndarray, threshold: float
) -> dict[str, float]:
    return {
        "threshold": threshold,
        "recall": float(np.mean(np.less(outside, threshold))),
        "false_rejection": float(np.mean(np.less(test, threshold))),
    }
