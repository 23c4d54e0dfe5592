"""The settings of `keras-ptft federate` (no TensorFlow)."""

import dataclasses

from keras_ptft import settings
from keras_ptft.errors import UserError
from keras_ptft.settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class FederateConfig:
    """How a recipe is trained by clients, checked when it is made.

    Raises:
        UserError: a value of the wrong type or out of its range.

    Example:

    >>> FederateConfig(rounds=5).clients
    10
    """

    clients: int = setting(
        10,
        "federate",
        "clients that the training examples are divided among; with "
        "--partition=by:COLUMN as many as there are values",
        low=1,
        high=100_000,
    )
    partition: str = setting(
        "iid",
        "federate",
        "who has which examples",
        table="federated/partition.py:PARTITIONS",
    )
    rounds: int = setting(50, "federate", "rounds of training", low=1)
    clients_per_round: int = setting(
        0, "federate", "clients that train in a round, drawn; 0: all", low=0
    )
    local_epochs: int = setting(
        1,
        "federate",
        "passes of a client over its examples in a round",
        low=1,
    )
    server: str = setting(
        "fedavg",
        "federate",
        "how the server averages",
        table="federated/servers.py:SERVERS",
    )
    score_rounds: bool = setting(
        False,
        "federate",
        "score the test split each round too, for a curve; choose nothing by "
        "it",
    )

    def __post_init__(self) -> None:
        for field in FEDERATE_FIELDS.values():
            settings.check(field, getattr(self, field.name))
        if self.clients_per_round > self.clients and not self.natural:
            raise UserError(
                f"--clients_per_round={self.clients_per_round} is more than "
                f"the {self.clients} there are: lower it, or raise --clients."
            )

    @property
    def natural(self) -> bool:
        """Whether the data themselves say who has which examples."""
        return self.partition.lstrip().startswith("by")


FEDERATE_FIELDS = {
    field.name: field for field in dataclasses.fields(FederateConfig)
}
