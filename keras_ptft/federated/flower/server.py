"""The app of the server: rounds, their scores, and the run folder."""

import functools
import logging
import pathlib

from flwr.app import ArrayRecord, ConfigRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp

from keras_ptft import files
from keras_ptft.federated.checks import check
from keras_ptft.federated.flower.asked import Asked, asked_of
from keras_ptft.federated.flower.privacy import Guarded, guarded
from keras_ptft.federated.flower.records import contract, packed, unpacked
from keras_ptft.federated.flower.rounds import Rounds
from keras_ptft.federated.local import Local
from keras_ptft.federated.rounds import scores_of
from keras_ptft.federated.run import Federated, federated_run, with_epoch
from keras_ptft.training.callbacks import csv_text
from keras_ptft.training.progress import score_text

_LOG = logging.getLogger("keras_ptft")

_HISTORY = "history.csv"


def make_app(given: Asked | str | None) -> ServerApp:
    """Makes the app; see `server_app`."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        _show_log()
        asked = asked_of(given, context.run_config)
        check(asked.recipe, asked.federate)
        play = functools.partial(_played, asked, guarded(asked), grid)
        way = f"flower client-privacy={asked.client_privacy}"
        federated_run(asked.recipe, asked.federate, play, way=way)

    return app


def _show_log() -> None:
    """Shows what is told of a run, since Flower shows its own records alone."""
    _LOG.setLevel(logging.INFO)
    if not _LOG.hasHandlers():
        _LOG.addHandler(logging.StreamHandler())


def _carried(asked: Asked) -> dict[str, str]:
    """What repeats the run beside its recipe."""
    return {"carrier": "flower", "client_privacy": asked.client_privacy}


def _played(
    asked: Asked, guard: Guarded, grid: Grid, local: Local, folder: pathlib.Path
) -> Federated:
    """Runs all rounds."""
    history = folder / _HISTORY
    if history.exists():
        _LOG.warning("Flower resumes no run: it begins again with round 1.")
    rounds = Rounds(guard, local)

    def evaluate(server_round: int, arrays: ArrayRecord) -> MetricRecord | None:
        if not server_round:
            return None
        scores = scores_of(local, unpacked(arrays, local.names))
        rounds.rows[-1] |= scores
        rows = [with_epoch(row, local.asked) for row in rounds.rows]
        files.write_text(history, csv_text(rows))
        told = server_round, asked.federate.rounds, score_text(scores)
        _LOG.info("round %d/%d  %s", *told)
        return MetricRecord(dict(scores))

    result = rounds.start(
        grid=grid,
        initial_arrays=packed(local.names, local.weights()),
        num_rounds=asked.federate.rounds,
        timeout=asked.timeout,
        train_config=ConfigRecord(dict(contract(local))),
        evaluate_fn=evaluate,
    )
    told = {"clients": rounds.clients, **_carried(asked), **guard.told()}
    weights = unpacked(result.arrays, local.names)
    return Federated(weights, rounds.rows, told)
