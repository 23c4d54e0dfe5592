"""How little the average gives away of any one client."""

import dataclasses
import importlib.util
import logging
from collections.abc import Callable
from typing import Any, Protocol

from flwr.serverapp import (
    GaussianPrivacyEvent,
    NeighboringRelation,
    PrivacyConfig,
    SamplingMethod,
)
from flwr.serverapp.strategy import (
    DifferentialPrivacyServerSideFixedClipping,
    FedAvg,
    Strategy,
)

from keras_ptft.errors import UserError, check_range
from keras_ptft.federated.flower.asked import PRIVACY_WORD, Asked
from keras_ptft.federated.flower.records import WEIGHT
from keras_ptft.registry import lookup

_LOG = logging.getLogger("keras_ptft")

NOT_COVERED = (
    "the scores on the server's own data, that a client took part, and what "
    "the server sees before it clips"
)


class Private(Protocol):
    """A strategy that counts what it gave away."""

    def privacy_spent(self) -> Any:
        """Returns ε and δ so far."""
        ...


@dataclasses.dataclass(frozen=True)
class Guarded:
    """A strategy, and what it says of the privacy of a client.

    Attributes:
        strategy: that of Flower, which makes the mean of a round.
        private: whether it hides a client.
        told: () → what `result.json` says of it.
    """

    strategy: Strategy
    private: bool = False
    told: Callable[[], dict[str, Any]] = dict


def none(strategy: FedAvg, asked: Asked, /) -> Guarded:
    """No client is private."""
    del asked
    return Guarded(strategy)


def client_dp(
    strategy: FedAvg,
    asked: Asked,
    /,
    *,
    noise: float,
    clip: float,
    delta: float = 1e-5,
) -> Guarded:
    """Noise on the mean of clipped changes (McMahan et al. 2018).

    Every client counts the same. That a round draws some of the clients is
    not counted in its favour.

    Args:
        strategy: averages.
        asked: how many clients there are.
        noise: standard deviation of the noise of a sum, by `clip`.
        clip: largest norm of the change that a client sends.
        delta: of (ε, δ), over all rounds.
    """
    for name, value in (("noise", noise), ("clip", clip)):
        check_range(name, value, 1e-6)
    check_range("delta", delta, 1e-12, 0.5)
    clients, chosen = asked.federate.clients, strategy.min_train_nodes
    planned, counted = (_accountant(clients, delta) for _ in range(2))
    planned.compose(
        GaussianPrivacyEvent(noise, chosen, clients), asked.federate.rounds
    )
    _LOG.info(
        "What is told of a client's data has ε = %.3g and δ = %g after all "
        "rounds (%d).",
        planned.get_epsilon(delta),
        delta,
        asked.federate.rounds,
    )
    private = DifferentialPrivacyServerSideFixedClipping(
        strategy,
        noise_multiplier=noise,
        clipping_norm=clip,
        num_sampled_clients=chosen,
        accountant=counted,
    )
    known = {"unit": "client", "noise": noise, "clip": clip}
    return Guarded(
        private, True, lambda: {"privacy": {**known, **_spent(private)}}
    )


PRIVACY: dict[str, Callable[..., Guarded]] = {
    "none": none,
    "client_dp": client_dp,
}


def guarded(asked: Asked) -> Guarded:
    """Makes the strategy of Flower, as private as it is asked to be.

    It waits for all clients, and scores none on its machine.

    Raises:
        UserError: an unknown kind of privacy, or its accountant is missing.
    """
    clients = asked.federate.clients
    chosen = asked.federate.clients_per_round or clients
    mean = FedAvg(
        fraction_train=chosen / clients,
        fraction_evaluate=0.0,
        min_train_nodes=chosen,
        min_available_nodes=clients,
        weighted_by_key=WEIGHT,
    )
    return lookup(PRIVACY, asked.client_privacy, PRIVACY_WORD)(mean, asked)


def _spent(strategy: Private) -> dict[str, Any]:
    spent = strategy.privacy_spent()
    return {
        "epsilon": spent.epsilon,
        "delta": spent.delta,
        "rounds": spent.num_releases,
        "accountant": f"{spent.accounting_method}, without amplification",
        "not_covered": NOT_COVERED,
    }


def _accountant(clients: int, delta: float) -> Any:
    if importlib.util.find_spec("dp_accounting") is None:
        raise UserError(
            "client-privacy=client_dp needs dp-accounting, which is not "
            'installed: pip install "keras_ptft[privacy]".'
        )
    from flwr.serverapp import RdpAccountant

    return RdpAccountant(
        PrivacyConfig(
            target_delta=delta,
            population_size=clients,
            neighboring_relation=NeighboringRelation.ADD_OR_REMOVE_ONE,
            sampling_method=SamplingMethod.NO_AMPLIFICATION,
        )
    )
