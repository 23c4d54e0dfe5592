"""How far the answers of a server are from those of the export."""

import reprlib

import numpy as np

from keras_ptft.serving.signatures.signature import Arrays


class WrongAnswerError(Exception):
    """An answer differs in something else than the size of a number."""


def difference(outputs: Arrays, expected: Arrays) -> float:
    """Computes how far an answer is from the expected one.

    Args:
        outputs: of a server, by name; the only one may be without a name.
        expected: of the export, by name.

    Returns:
        The largest |value - expected| / max(1, |expected|).

    Raises:
        WrongAnswerError: other outputs, shapes, strings or whole numbers, or
            a number that is not finite.

    Example:

    >>> expected = {"y": np.array([1.0, 10.0])}
    >>> difference({"y": np.array([1.0, 15.0])}, expected)
    0.5
    """
    if outputs.keys() == {""} and len(expected) == 1:
        outputs = dict.fromkeys(expected, outputs[""])
    if outputs.keys() != expected.keys():
        raise WrongAnswerError(
            f"it has outputs {', '.join(sorted(outputs))}, expected "
            f"{', '.join(sorted(expected))}"
        )
    worst = 0.0
    # numbers first: a wrong label says less than how far they are
    for name in sorted(
        expected, key=lambda name: not _is_float(expected[name])
    ):
        try:
            worst = max(worst, _distance(outputs[name], expected[name]))
        except WrongAnswerError as error:
            told = f", and numbers differ by {worst:.2g}" if worst else ""
            raise WrongAnswerError(f"{name!r} {error}{told}") from None
    return worst


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f"


def _distance(values: np.ndarray, wanted: np.ndarray) -> float:
    if not values.size and not wanted.size:
        # JSON loses the axes after an empty one
        return 0.0
    if values.shape != wanted.shape:
        raise WrongAnswerError(
            f"has shape {values.shape}, expected {wanted.shape}"
        )
    if not (_is_float(values) and _is_float(wanted)):
        differs = np.asarray(values != wanted)
        if differs.any():
            found, right = values[differs][0], wanted[differs][0]
            raise WrongAnswerError(
                f"holds {reprlib.repr(found)}, expected {reprlib.repr(right)}"
            )
        return 0.0
    # infinity less infinity
    with np.errstate(invalid="ignore"):
        distances = np.abs(values - wanted) / np.maximum(1, np.abs(wanted))
    if not np.isfinite(distances).all():
        raise WrongAnswerError("holds NaN or infinity")
    return float(distances.max())
