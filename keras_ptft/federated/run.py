"""A run whose model is trained in rounds, whoever plays them."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_ptft.config import Config
from keras_ptft.experiment import builders, from_weights, run_dir
from keras_ptft.experiment.conclude import conclude
from keras_ptft.experiment.exporting import publish
from keras_ptft.experiment.loading import GIVEN
from keras_ptft.experiment.naming import folder_of, stage_of
from keras_ptft.experiment.remote_runs import at_hand
from keras_ptft.experiment.results import RunResult
from keras_ptft.federated.checks import check
from keras_ptft.federated.local import Local, planned
from keras_ptft.federated.settings import FederateConfig
from keras_ptft.federated.shared import NOTHING, Given, origin
from keras_ptft.remote.mirrored import mirrored
from keras_ptft.training.distribution import strategies
from keras_ptft.training.timer import Timer
from keras_ptft.transfer import audit

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True)
class Federated:
    """What rounds came to.

    Attributes:
        weights: those that travelled, after the last round.
        rows: a row a round, as `history.csv` has them.
        told: what else "federated" of `result.json` says.
        resumed: rounds at which the training was resumed.
    """

    weights: Sequence[np.ndarray]
    rows: Sequence[Mapping[str, Any]]
    told: Mapping[str, Any]
    resumed: Sequence[int] = ()


Play = Callable[[Local, pathlib.Path], Federated]
"""(all clients, run folder) → what their rounds came to."""


@strategies.restoring_precision
def federated_run(
    config: Config,
    asked: FederateConfig,
    play: Play,
    given: Given = NOTHING,
    *,
    way: str = "",
) -> RunResult:
    """Runs rounds of a recipe, and writes their run folder.

    Args:
        config: the settings of the recipe.
        asked: clients and rounds.
        play: trains them.
        given: objects in place of settings.
        way: how `play` does it, where another way makes another run.

    Returns:
        What `result.json` in the run folder holds.

    Raises:
        UserError: a setting, a file or the run folder is not as it must be.
    """
    check(config, asked)
    for name in ("dataset", "backbone"):
        if getattr(given, name) is not None:
            config = config.replace(**{name: GIVEN})
    config = at_hand(planned(config, asked))
    folder = folder_of(stage_of(config), config)
    with mirrored(folder):
        return _run(folder, config, asked, play, given, way)


def _run(
    folder: pathlib.Path,
    config: Config,
    asked: FederateConfig,
    play: Play,
    given: Given,
    way: str,
) -> RunResult:
    given = dataclasses.replace(
        given, pretrained=origin(config, given.backbone)
    )
    made_of = _origin(asked, given, way)
    if result := run_dir.open_run(folder, config, made_of):
        return publish(folder, config, result, given=given.dataset)
    timer = Timer()
    with timer("build"):
        local = Local(config, asked, given=given)
    loaded, tuning = local.loaded, local.shared.tuning
    data = loaded.dataset
    provenance = builders.provenance(stage_of(config), data, **made_of)
    before = audit.fingerprints(tuning.frozen)
    with run_dir.exclusive_run(folder, config, provenance), timer("train"):
        builders.record(folder, config, data, loaded.leaks)
        found = play(local, folder)
    local.put(found.weights)
    result = _result(folder, local, found)
    if (built := local.shared.built) is not None:
        result = result.replace(
            transfer=from_weights.transferred(config, built),
            audit=audit.audit(before, tuning.frozen),
        )
    with timer("save"):
        if built is not None:
            from_weights.save(folder, config, built)
        else:
            run_dir.save_models(folder, local.body, local.model)
    return conclude(folder, config, loaded, local.objective, result, timer)


def _result(folder: pathlib.Path, local: Local, found: Federated) -> RunResult:
    model = local.trainer.model
    return RunResult(
        run=folder.name,
        stage=stage_of(local.config),
        objective=local.config.objective,
        data=local.loaded.account.as_dict(),
        leaks=local.loaded.leaks.as_dict(),
        plan=dataclasses.asdict(model.plan),
        history=[with_epoch(row, local.asked) for row in found.rows],
        trained_parameters=local.shared.tuning.size,
        steps=dict(model.clock.seconds),
        resumed=found.resumed,
        federated={**_told(local), **found.told},
    )


def with_epoch(row: Mapping[str, Any], asked: FederateConfig) -> dict[str, Any]:
    """Returns a row of the history with the epochs that its curves go by.

    Args:
        row: of a round.
        asked: how many epochs that is.
    """
    return {"epoch": row["round"] * asked.local_epochs, **row}


def _told(local: Local) -> dict[str, Any]:
    """What "federated" of `result.json` says, whoever played the rounds."""
    weights = local.weights()
    return {
        "settings": dataclasses.asdict(local.asked),
        "weights": len(weights),
        "statistics": len(weights) - local.trained,
        "bytes_of_a_client": sum(each.nbytes for each in weights),
    }


def _origin(asked: FederateConfig, given: Given, way: str) -> dict[str, str]:
    """What decides the run beside its settings and its data."""
    weights = given.pretrained
    found = {"parent": weights.fingerprint if weights is not None else ""}
    fields = dataclasses.asdict(asked).items()
    found["federated"] = " ".join(f"{k}={v}" for k, v in fields)
    if way:
        found["federated"] += f" {way}"
    if given.backbone is not None:
        found["backbone"] = audit.fingerprint(given.backbone)
    return found
