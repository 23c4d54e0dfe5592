"""The app of a client: it trains on its own data, and sends weights back."""

import functools
from collections.abc import Mapping
from typing import Any

from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.federated.checks import check
from keras_ptft.federated.flower.asked import Asked, asked_of
from keras_ptft.federated.flower.nodes import of_node
from keras_ptft.federated.flower.records import (
    ARRAYS,
    CONFIG,
    METRICS,
    ROUND,
    WEIGHT,
    check_contract,
    numbers,
    packed,
    unpacked,
)
from keras_ptft.federated.local import Local
from keras_ptft.federated.settings import FederateConfig


def make_app(given: Asked | str | None) -> ClientApp:
    """Makes the app; see `client_app`."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        asked = asked_of(given, context.run_config)
        local = _client(asked, context.node_config)
        return Message(
            _trained(asked, local, message.content), reply_to=message
        )

    return app


def _trained(asked: Asked, local: Local, content: RecordDict) -> RecordDict:
    told = content[CONFIG]
    check_contract(local, told)
    weights = unpacked(content[ARRAYS], local.names)
    trained, examples, metrics = local.train(weights, int(told[ROUND]) - 1)
    # counts and losses are of a client too, and no noise covers them
    private = asked.client_privacy != "none"
    sent = {WEIGHT: 1} if private else {WEIGHT: examples, **numbers(metrics)}
    return RecordDict(
        {ARRAYS: packed(local.names, trained), METRICS: MetricRecord(sent)}
    )


def _client(asked: Asked, node: Mapping[str, Any]) -> Local:
    """The client that a node is."""
    config, part = of_node(asked, node)
    check(config, asked.federate)
    everybody = _everybody(config, asked.federate)
    if part is None:
        return everybody
    if len(everybody.parts) != asked.federate.clients:
        raise UserError(
            f"--partition={asked.federate.partition} makes "
            f"{len(everybody.parts)} clients, got --clients="
            f"{asked.federate.clients}: give as many."
        )
    return everybody.of(part)


@functools.lru_cache(maxsize=1)
def _everybody(config: Config, asked: FederateConfig) -> Local:
    """Data and model, which clients share that a process serves in turn."""
    return Local(config, asked)
