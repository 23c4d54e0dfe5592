"""What a format may lose, and still be published."""

from collections.abc import Mapping
from typing import Any

from keras_ptft.errors import UserError
from keras_ptft.serving.formats.format import NO_QUANTIZATION, SAVED_MODEL
from keras_ptft.serving.formats.prove import TOLERANCE


def check_limits(
    table: Mapping[str, Mapping[str, Any]],
    *,
    quantize: str,
    max_drop: float,
) -> None:
    """Refuses formats that answer worse than the SavedModel.

    Args:
        table: what `prove` found.
        quantize: "none": answers may not differ by more than TOLERANCE.
        max_drop: how much a format may lose of the first metric, if there
            is one; of an accuracy 0.02 is 2 points.

    Raises:
        UserError: a format is too far from the SavedModel.

    Example:

    >>> table = {
    ...     "saved_model": {"metrics": {"f1": 0.9}, "largest_difference": 0.0},
    ...     "onnx": {"metrics": {"f1": 0.89}, "largest_difference": 0.1},
    ... }
    >>> check_limits(table, quantize="int8", max_drop=0.02)
    """
    for name, found in table.items():
        difference = found["largest_difference"]
        # a comparison with NaN is false
        if quantize == NO_QUANTIZATION and not difference <= TOLERANCE:
            raise UserError(
                f"{name} differs from the SavedModel by {difference:.2g}, "
                f"expected at most {TOLERANCE:g}: nothing was published; "
                f"leave {name} out of --formats."
            )
        for metric, reference in [*table[SAVED_MODEL]["metrics"].items()][:1]:
            value = found["metrics"][metric]
            _check_drop(name, metric, value, reference, max_drop)


def _check_drop(
    name: str, metric: str, value: float, reference: float, max_drop: float
) -> None:
    if not reference - value <= max_drop:
        raise UserError(
            f"{name} has a {metric} of {value:.4f} and the SavedModel "
            f"{reference:.4f}, expected to lose at most --max_accuracy_drop="
            f"{max_drop:g}: nothing was published; use another --quantize or "
            "more --calibration_examples, or allow more."
        )
