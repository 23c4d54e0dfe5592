"""The rounds of a federated training in one process."""

import contextlib
import dataclasses
import functools
import logging
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft import files
from keras_ptft.errors import TrainingInterrupted, UserError
from keras_ptft.evaluation.metrics import shown_metrics
from keras_ptft.experiment.run_files import CHECKPOINTS
from keras_ptft.federated.local import Local
from keras_ptft.federated.run import Federated
from keras_ptft.federated.servers import mean_of
from keras_ptft.federated.told import client_rows, clients_table
from keras_ptft.remote.mirrored import push
from keras_ptft.training.callbacks import csv_text
from keras_ptft.training.checkpointing.preemption import stop_on_signal
from keras_ptft.training.checkpointing.store import Checkpoint, Checkpoints
from keras_ptft.training.nonfinite import NonFiniteError
from keras_ptft.training.progress import score_text

_LOG = logging.getLogger("keras_ptft")

_STREAM = 0x5EEC
Watch = Callable[[int, int], None]


def _nobody(number: int, client: int) -> None:
    del number, client


@dataclasses.dataclass
class _Course:
    """Where a training is: after how many rounds, with what."""

    weights: list[np.ndarray]
    server: list[np.ndarray]
    rows: list[dict[str, Any]]
    resumed: list[int]


def chosen(seed: int, number: int, clients: int, per_round: int) -> list[int]:
    """Returns the clients of a round, a function of the seed and the round.

    Args:
        seed: of the run.
        number: of the round, from 0.
        clients: how many there are.
        per_round: how many train; 0: all.

    Example:

    >>> chosen(0, 3, 4, 0)
    [0, 1, 2, 3]
    """
    draw = np.random.default_rng([seed, number, _STREAM])
    found = draw.choice(clients, per_round or clients, replace=False)
    return sorted(found.tolist())


def play(
    local: Local, folder: pathlib.Path, watch: Watch = _nobody
) -> Federated:
    """Trains all rounds, or those that are left.

    After each round all of its state is saved, so a training that was
    killed ends with the same weights as one that was not.

    Args:
        local: all clients.
        folder: the run folder.
        watch: called with round and client before each client trains.
    """
    parts, asked = local.parts, local.asked
    if asked.clients_per_round > len(parts):
        raise UserError(
            f"--clients_per_round={asked.clients_per_round} is more than the "
            f"{len(parts)} clients there are: lower it."
        )
    rows = client_rows(parts, local.loaded.dataset)
    _LOG.info("%s", clients_table(rows))
    store = _store(local, folder)
    course = _begun(local, store)
    _LOG.info("Plan: %s.", local.trainer.model.plan)
    with _stopping(local) as check_stopped:
        for number in range(len(course.rows), asked.rounds):
            _round(local, course, number, watch, check_stopped)
            files.write_text(folder / "history.csv", csv_text(course.rows))
            if store is not None:
                store.write(_saved(local, course))
    return Federated(
        course.weights, course.rows, {"clients": rows}, course.resumed
    )


def _round(
    local: Local,
    course: _Course,
    number: int,
    watch: Watch,
    check_stopped: Callable[[int], None],
) -> None:
    """Trains the clients of a round, and makes one model of theirs."""
    asked, began = local.asked, time.perf_counter()
    clients = chosen(
        local.config.seed, number, len(local.parts), asked.clients_per_round
    )
    examples = [len(local.parts[client].rows) for client in clients]
    found: list[Mapping[str, float]] = []

    def sent() -> Iterator[Sequence[np.ndarray]]:
        for client in clients:
            watch(number, client)
            try:
                arrays, _, metrics = local.of(client).train(
                    course.weights, number
                )
            except NonFiniteError as error:
                where = f"Round {number + 1}, client {client}"
                raise UserError(f"{where}: {error}") from error
            check_stopped(number)
            found.append(metrics)
            yield arrays

    mean, trained = mean_of(sent(), examples), local.trained
    size = sum(each.nbytes for each in course.weights) * len(clients)
    new, course.server = local.server.update(
        course.weights[:trained], mean[:trained], course.server
    )
    # momentum could make a variance negative
    statistics = zip(course.weights[trained:], mean[trained:], strict=True)
    new += [value.astype(each.dtype) for each, value in statistics]
    course.weights = new
    scores = _averaged(found, examples)
    scores |= scores_of(local, course.weights)
    seconds = time.perf_counter() - began
    course.rows.append(
        {
            "epoch": (number + 1) * asked.local_epochs,
            "round": number + 1,
            **scores,
            "clients": len(clients),
            "bytes_down": size,
            "bytes_up": size,
            "seconds": round(seconds, 3),
        }
    )
    _LOG.info(
        "round %d/%d  %s  %.1f s",
        number + 1,
        asked.rounds,
        score_text(scores),
        seconds,
    )


def _averaged(
    found: Sequence[Mapping[str, float]], examples: Sequence[int]
) -> dict[str, float]:
    """The loss and metrics of the clients, each by its examples."""
    return {
        name: float(np.average([m[name] for m in found], weights=examples))
        for name in found[0]
    }


def scores_of(local: Local, weights: Sequence[np.ndarray]) -> dict[str, float]:
    """Returns the scores of weights that a row of the history has.

    Args:
        local: the server.
        weights: as its `weights` returns them.
    """
    _, metrics = local.evaluate(weights)
    scores = {f"val_{name}": value for name, value in metrics.items()}
    if local.asked.score_rounds:
        splits = local.objective.score_splits(local.model, local.loaded.dataset)
        test = shown_metrics(splits["test"])
        scores |= {f"test_{name}": float(test[name]) for name in test}
    return scores


def _store(local: Local, folder: pathlib.Path) -> Checkpoints | None:
    if local.config.checkpoint_every == "never":
        return None
    return Checkpoints(
        folder / CHECKPOINTS,
        keep=local.config.keep_checkpoints,
        on_write=functools.partial(push, folder),
    )


def _begun(local: Local, store: Checkpoints | None) -> _Course:
    """The state to go on from, or that before the first round."""
    start = store.latest() if store is not None else None
    weights = local.weights()
    if start is None:
        server = local.server.start(weights[: local.trained])
        return _Course(weights, server, [], [])
    _LOG.info("Resuming after round %d.", start.step)
    local.go_on_from(start)
    arrays = start.arrays
    return _Course(
        [arrays[f"weights {i}"] for i in range(len(weights))],
        [arrays[f"server {i}"] for i in range(start.facts["server"])],
        list(start.facts["rows"]),
        start.resumed,
    )


def _saved(local: Local, course: _Course) -> Checkpoint:
    arrays = {f"weights {i}": a for i, a in enumerate(course.weights)}
    arrays |= {f"server {i}": a for i, a in enumerate(course.server)}
    facts = {
        "rows": course.rows,
        "server": len(course.server),
        "plan": dataclasses.asdict(local.trainer.model.plan),
        "resumed": course.resumed,
    }
    return Checkpoint(len(course.rows), arrays, facts)


@contextlib.contextmanager
def _stopping(local: Local) -> Iterator[Callable[[int], None]]:
    """Stops on a signal, within a round, which is then trained again."""
    signals: list[int] = []

    def request(signum: int) -> None:
        signals.append(signum)
        local.trainer.model.request_stop()

    def check(number: int) -> None:
        if signals:
            raise TrainingInterrupted(
                f"stopped in round {number + 1}: the same command goes on "
                "from the last round that was saved.",
                signals[0],
            )

    with stop_on_signal(request):
        yield check
