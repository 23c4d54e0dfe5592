"""The rounds of a run, watched: who answered, what it cost, what failed."""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

from keras_ptft.errors import UserError
from keras_ptft.federated.flower.privacy import Guarded
from keras_ptft.federated.flower.records import (
    ARRAYS,
    METRICS,
    WEIGHT,
    packed,
    size,
    unpacked,
)
from keras_ptft.federated.local import Local

_LOG = logging.getLogger("keras_ptft")


class Rounds(Strategy):
    """A strategy of Flower, whose rounds become rows of a history.

    The strategy makes the mean, and the server of the recipe what follows
    from it, as it does in one process. Flower goes on without the clients
    that fail, and without a word in its result. Here each round says how
    many there were, and a round in which nobody could train ends the run.

    Args:
        guarded: the strategy, and its privacy.
        local: the server.

    Attributes:
        guarded: as it was given.
        rows: what became of each round, as `history.csv` has it.
    """

    def __init__(self, guarded: Guarded, local: Local) -> None:
        self.guarded, self._strategy = guarded, guarded.strategy
        self._local, self._weights = local, local.weights()
        self._state = local.server.start(self._weights[: local.trained])
        self._examples: dict[int, int] = {}
        self._began = 0.0
        self.rows: list[dict[str, Any]] = []

    @property
    def clients(self) -> list[dict[str, Any]]:
        """The nodes that trained and their examples, unless these are private.

        Flower knows nodes by numbers of its own.
        """
        found = sorted(self._examples.items())
        return [{"client": str(k), "examples": count} for k, count in found]

    def configure_train(
        self,
        server_round: int,
        arrays: ArrayRecord,
        config: ConfigRecord,
        grid: Grid,
    ) -> Iterable[Message]:
        """Chooses the clients of a round, and counts what is sent to them."""
        messages = list(
            self._strategy.configure_train(server_round, arrays, config, grid)
        )
        self._began = time.monotonic()
        self.rows.append(
            {
                "round": server_round,
                "clients": len(messages),
                "bytes_down": _bytes(messages),
            }
        )
        return messages

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Makes one model of the replies, and notes which are missing.

        Raises:
            UserError: no client could train.
        """
        came = list(replies)
        row = self.rows[-1]
        answers = [reply for reply in came if not reply.has_error()]
        reasons = [reply.error.reason for reply in came if reply.has_error()]
        row["failed"] = row["clients"] - len(answers)
        self._tell_failures(row, reasons)
        row["bytes_up"] = _bytes(answers)
        if self.guarded.private:
            # Flower takes the noise from here, where the seed of the recipe
            # would make it known
            np.random.seed()
        else:
            self._note_examples(answers)
        mean, metrics = self._strategy.aggregate_train(server_round, came)
        if mean is not None:
            self._update(unpacked(mean, self._local.names))
        row |= dict(metrics or {})
        row["seconds"] = round(time.monotonic() - self._began, 3)
        return packed(self._local.names, self._weights), metrics

    def _update(self, mean: Sequence[np.ndarray]) -> None:
        trained = self._local.trained
        new, self._state = self._local.server.update(
            self._weights[:trained], mean[:trained], self._state
        )
        # momentum could make a variance negative
        statistics = zip(self._weights[trained:], mean[trained:], strict=True)
        new += [value.astype(each.dtype) for each, value in statistics]
        self._weights = new

    def _note_examples(self, answers: Iterable[Message]) -> None:
        for reply in answers:
            count = reply.content[METRICS][WEIGHT]
            self._examples[reply.metadata.src_node_id] = int(count)

    def _tell_failures(self, row: dict[str, Any], reasons: list[str]) -> None:
        if not row["failed"]:
            return
        reason = " ".join((*reasons, "no answer in time")[0].split())
        failed = (
            f"{row['failed']} of {row['clients']} clients failed in round "
            f"{row['round']}: {reason}"
        )
        if row["failed"] == row["clients"]:
            raise UserError(failed)
        if self.guarded.private:
            # noise is for the mean of as many clients as were chosen
            failed += " (the round changes nothing, to keep its noise)"
        _LOG.warning("%s", failed)

    def configure_evaluate(
        self,
        server_round: int,
        arrays: ArrayRecord,
        config: ConfigRecord,
        grid: Grid,
    ) -> Iterable[Message]:
        """Does as the strategy does."""
        return self._strategy.configure_evaluate(
            server_round, arrays, config, grid
        )

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Does as the strategy does."""
        return self._strategy.aggregate_evaluate(server_round, replies)

    def summary(self) -> None:
        """Logs what the strategy is."""
        self._strategy.summary()


def _bytes(messages: Iterable[Message]) -> int:
    return sum(size(message.content[ARRAYS]) for message in messages)
