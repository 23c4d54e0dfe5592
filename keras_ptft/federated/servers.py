"""How the server makes one model of what the clients send."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from keras_ptft.errors import check_range

Arrays = Sequence[np.ndarray]


@dataclasses.dataclass(frozen=True)
class Server:
    """A server's optimizer: SGD on the mean change, with momentum.

    Attributes:
        momentum: of the mean changes of earlier rounds.
        learning_rate: what the change is multiplied by.
        proximal: mu of the clients' loss, which has mu / 2 times the squared
            distance from the weights that they began with.
    """

    momentum: float = 0.0
    learning_rate: float = 1.0
    proximal: float = 0.0

    def start(self, weights: Arrays) -> list[np.ndarray]:
        """Returns the state before the first round: none has no momentum."""
        if not self.momentum:
            return []
        return [np.zeros(each.shape, np.float64) for each in weights]

    def update(
        self, weights: Arrays, mean: Arrays, state: Arrays
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Computes the weights after a round, and the server's state.

        Args:
            weights: those that the clients began with.
            mean: of what they sent, float64.
            state: as `start` or the round before returned it.

        Example:

        >>> server = Server(momentum=0.5)
        >>> weights, state = [np.array([1.0])], [np.array([0.4])]
        >>> server.update(weights, [np.array([0.5])], state)
        ([array([0.3])], [array([0.7])])
        """
        if not self.momentum and self.learning_rate == 1.0:
            return _like(weights, mean), []
        pairs = list(zip(weights, mean, strict=True))
        moved = [each.astype(np.float64) - m for each, m in pairs]
        if self.momentum:
            moved = [
                self.momentum * before + each
                for before, each in zip(state, moved, strict=True)
            ]
        new = [
            each - self.learning_rate * change
            for each, change in zip(weights, moved, strict=True)
        ]
        return _like(weights, new), moved if self.momentum else []


def fedavg() -> Server:
    """Replaces the weights by the mean (McMahan et al. 2017).

    "Communication-Efficient Learning of Deep Networks from Decentralized
    Data". Each client counts as much as it has examples.
    """
    return Server()


def fedprox(*, mu: float = 0.01) -> Server:
    """Replaces them too; a term of the loss holds clients near.

    Li et al. 2020, "Federated Optimization in Heterogeneous Networks".

    Args:
        mu: the clients' loss has mu / 2 times the squared distance of their
            weights from those that they began with.
    """
    check_range("mu", mu, 0.0)
    return Server(proximal=mu)


def fedavgm(*, momentum: float = 0.9, learning_rate: float = 1.0) -> Server:
    """Takes the mean change for a gradient of SGD with momentum.

    Hsu et al. 2019, "Measuring the Effects of Non-Identical Data
    Distribution for Federated Visual Classification".

    Args:
        momentum: of the changes of earlier rounds.
        learning_rate: of the server.
    """
    check_range("momentum", momentum, 0.0, 1.0)
    check_range("learning_rate", learning_rate, 0.0)
    return Server(momentum=momentum, learning_rate=learning_rate)


SERVERS: dict[str, Callable[..., Server]] = {
    "fedavg": fedavg,
    "fedprox": fedprox,
    "fedavgm": fedavgm,
}


def mean_of(sent: Iterable[Arrays], examples: Sequence[int]) -> Arrays:
    """Averages what clients sent, each by its number of examples.

    Args:
        sent: the arrays of each client, of which one is held at a time.
        examples: that it has.

    Returns:
        float64 arrays.

    Example:

    >>> mean_of([[np.array([1.0])], [np.array([5.0])]], [3, 1])
    [array([2.])]
    """
    shares = [count / sum(examples) for count in examples]
    sums: list[np.ndarray] = []
    for arrays, share in zip(sent, shares, strict=True):
        parts = [share * each.astype(np.float64) for each in arrays]
        sums = [a + b for a, b in zip(sums, parts, strict=False)] or parts
    return sums


def _like(weights: Arrays, new: Arrays) -> list[np.ndarray]:
    return [
        value.astype(each.dtype)
        for each, value in zip(weights, new, strict=True)
    ]
