"""How far the answers of a server are from those of the export."""

import numpy as np

from keras_ptft.serving.verification.cases import Arrays, Mismatch, distance


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
    for name in sorted(expected, key=lambda x: expected[x].dtype.kind != "f"):
        try:
            worst = max(worst, _distance(name, outputs[name], expected[name]))
        except Mismatch as error:
            told = f", and numbers differ by {worst:.2g}" if worst else ""
            raise WrongAnswerError(f"{error}{told}") from None
    return worst


def _distance(name: str, values: np.ndarray, expected: np.ndarray) -> float:
    # JSON loses the axes after an empty one
    if not values.size and not expected.size:
        return 0.0
    return distance(name, values, expected)
