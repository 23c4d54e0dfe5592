"""How a training hides whether an example was part of it.

A row returns what the training may spend, or None where it hides nothing.
"""

import dataclasses
from collections.abc import Callable

from keras_ptft.errors import check_range
from keras_ptft.registry import lookup


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a training may give away of any one example.

    Attributes:
        epsilon: no outcome is more than e^epsilon times as probable with the
            example as without, or the other way round;
        delta: but for this probability.
        clip: largest norm of an example's gradient.
    """

    epsilon: float
    delta: float
    clip: float


def none() -> Budget | None:
    """Training as usual: a model may tell which examples it has seen."""
    return None


def dp_sgd(*, epsilon: float, delta: float, clip: float = 1.0) -> Budget | None:
    """Differentially private training (Abadi et al. 2016).

    "Deep Learning with Differential Privacy". The gradient of each example is
    clipped, and their sum gets Gaussian noise. Each example is in the batch
    of a step by a draw of its own, so that --batch_size is what is expected.

    Args:
        epsilon: what may be given away of an example, of all steps together;
            about 1 is strong, 8 is weak.
        delta: probability that it is more, well below 1 / examples.
        clip: largest norm of an example's gradient, over all variables
            together.
    """
    check_range("epsilon", epsilon, 0.01, 100.0)
    check_range("delta", delta, 1e-12, 0.1)
    check_range("clip", clip, 1e-6, 1e6)
    return Budget(epsilon, delta, clip)


MECHANISMS: dict[str, Callable[..., Budget | None]] = {
    "none": none,
    "dp_sgd": dp_sgd,
}


def budget_of(spec: str) -> Budget | None:
    """Returns what a training may spend, as --privacy writes it.

    Raises:
        UserError: an unknown mechanism, or a setting out of its range.

    Example:

    >>> budget_of("dp_sgd(epsilon=3, delta=1e-5)")
    Budget(epsilon=3.0, delta=1e-05, clip=1.0)
    """
    budget: Budget | None = lookup(MECHANISMS, spec, "privacy")()
    return budget
