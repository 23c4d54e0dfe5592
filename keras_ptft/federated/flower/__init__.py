"""A recipe as the two apps of Flower, for data that stay on their machines.

Flower (Beutel et al. 2020, "Flower: A Friendly Federated Learning Research
Framework") carries the weights between machines, chooses the clients of a
round and averages what they send. What a client does is what it does in
`federate`, and the average ends in a run folder like any other.
"""

import importlib.util
from typing import TYPE_CHECKING

from keras_ptft.errors import UserError
from keras_ptft.federated.flower.asked import Asked

if TYPE_CHECKING:
    from flwr.clientapp import ClientApp
    from flwr.serverapp import ServerApp


def server_app(asked: Asked | str | None = None) -> "ServerApp":
    """Makes what Flower runs beside its SuperLink.

    It builds the model of the recipe, sends its weights out, scores their
    average on the validation split each round, and writes the run folder.

    Args:
        asked: what is trained, or the words that follow `keras-ptft
            federate`; None: what the run configuration says.

    Returns:
        The app, which reads no data before it is called.

    Raises:
        UserError: Flower is missing.
    """
    _check_installed()
    from keras_ptft.federated.flower.server import make_app

    return make_app(asked)


def client_app(asked: Asked | str | None = None) -> "ClientApp":
    """Makes what Flower runs on each machine that has data.

    Which data these are, the node configuration says: `partition-id` and
    `num-partitions` for a part of those of the recipe, as a simulation has
    them, or settings of the machine's own, as `dataset="folder:photos"`.

    Args:
        asked: as in `server_app`; it must be the same.

    Returns:
        The app, which reads no data before the first message.

    Raises:
        UserError: Flower is missing.
    """
    _check_installed()
    from keras_ptft.federated.flower.client import make_app

    return make_app(asked)


def _check_installed() -> None:
    if importlib.util.find_spec("flwr") is None:
        raise UserError(
            "Clients on machines of their own need Flower, which is not "
            'installed: pip install "keras_ptft[federated]", on Python 3.11 '
            "or later."
        )
