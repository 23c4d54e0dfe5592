"""What a trained run is worth on data, and what it gives away."""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from keras_ptft.config import Config, check_group
from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.errors import UserError
from keras_ptft.evaluation.report.attacks import tell_attacks
from keras_ptft.experiment import attacks, builders, run_dir
from keras_ptft.experiment.by_column import score_groups
from keras_ptft.experiment.loading import (
    GIVEN,
    load_to_score,
)
from keras_ptft.experiment.run_files import NON_IDENTITY_FIELDS
from keras_ptft.experiment.training_examples import training_examples
from keras_ptft.experiment.weights import Weights
from keras_ptft.models.saved import load_model
from keras_ptft.models.structure import named_inputs
from keras_ptft.objectives import Objective
from keras_ptft.objectives.saved import read_objective
from keras_ptft.remote.mirrored import mirrored
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.transfer.loading import check_input

_LOG = logging.getLogger("keras_ptft")


@dataclasses.dataclass(frozen=True)
class Scores:
    """What a run's model is worth on data.

    Attributes:
        folder: the run folder.
        metrics: as `result.json` has them.
        name: what `result.json` calls them: "test", followed by the settings
            that differ from the run's; "test of changed data" where the
            run's own are no longer what they were. With a column, "by" and
            its name follow. Of an attack "attack", followed by it.
    """

    folder: pathlib.Path
    metrics: dict[str, Any]
    name: str

    def write(self) -> None:
        """Adds the scores to `result.json`, and attacks to the reports.

        Raises:
            UserError: the run folder cannot be written.
        """
        with mirrored(self.folder):
            _, _, result = run_dir.complete_run(self.folder)
            scored = {**result.metrics, self.name: self.metrics}
            result.replace(metrics=scored).write(self.folder)
            tell_attacks(self.folder, scored)


def evaluate(
    run: str | os.PathLike,
    *,
    dataset: Dataset | str | None = None,
    by: str = "",
    attack: str = "",
    **changes: Any,
) -> dict[str, Any]:
    """Scores a run's model, and adds the scores to its `result.json`.

    Args:
        run: as in `score`.
        dataset: as in `score`.
        by: as in `score`.
        attack: as in `score`.
        changes: as in `score`.

    Returns:
        The metrics.

    Raises:
        UserError: see `score`; or the run folder cannot be written.
    """
    scores = score(run, dataset=dataset, by=by, attack=attack, **changes)
    scores.write()
    return scores.metrics


def score(
    run: str | os.PathLike,
    *,
    dataset: Dataset | str | None = None,
    by: str = "",
    attack: str = "",
    **changes: Any,
) -> Scores:
    """Scores a run's model on its test split, or on other data.

    Of other data with a test split this is scored, of others all. They may
    lack some of the model's classes. Or it tries whether the model gives away
    what it was trained on.

    Args:
        run: a complete run folder, or its URL.
        dataset: in place of the run's, the name of another data set, or one
            of your own.
        by: column of a table; each of its values is scored on its own too,
            as metric "by", see `score_groups`.
        attack: an entry of ATTACKS, in place of scores; `dataset` is that of
            the run then, where it was handed over.
        changes: settings of the data that differ from the run's.

    Raises:
        UserError: the run is not complete, or the data do not fit it.
    """
    if attack:
        return _attacked(run, attack, dataset, {"by": by, **changes})
    return _scored(run, dataset, by, changes)


def _scored(
    run: str | os.PathLike,
    dataset: Dataset | str | None,
    by: str,
    changes: dict[str, Any],
) -> Scores:
    """What a run's model is worth on data."""
    if isinstance(dataset, str):
        changes, dataset = {"dataset": dataset, **changes}, None
    check_group("evaluate", "data", changes)
    folder, before, result = run_dir.complete_run(run)
    config = before.replace(**changes)
    own = config.dataset == (before.dataset if dataset is None else GIVEN)
    trained = read_objective(folder).info
    # a model without labels may read more than its backbone does
    backbone = load_model(folder / run_dir.BACKBONE_FILE)
    weights = Weights.beside(folder / run_dir.MODEL_FILE, backbone)
    loaded, accounted, train = load_to_score(
        config,
        dataset,
        weights,
        trained,
        as_test=not own,
        classes=changes.get("classes", ""),
        by=by,
    )
    check_input(backbone, loaded.spec)
    info = loaded.info.as_trained(trained)
    objective = builders.build_objective(config, info)
    model = _model(folder, config, objective)
    test = loaded.splits["test"]
    # where nothing is changed, training examples are loaded already
    known = train if own and not changes else None
    given = dataset if own else None
    recall = partial(training_examples, before, given, weights, known)
    scored = result.metrics.get("test", {})
    metrics = _metrics(objective, model, test, scored, by, recall)
    name = " ".join(["test", *_changed(changes)])
    if not own:
        metrics["data"] = accounted.as_dict()
    elif not changes and _has_changed(folder, config, test):
        name = "test of changed data"
    return Scores(folder, metrics, f"{name} by {by}" if by else name)


def _attacked(
    run: str | os.PathLike,
    attack: str,
    dataset: Dataset | str | None,
    others: Mapping[str, Any],
) -> Scores:
    """What an attack on a run's training examples comes to."""
    if isinstance(dataset, str):
        others = {"dataset": dataset, **others}
    for name in (name for name, value in others.items() if value):
        raise UserError(
            f"--attack={attack} is about what the run was trained on, got "
            f"--{name}={others[name]}: leave it out."
        )
    folder, config, result = run_dir.complete_run(run)
    objective = read_objective(folder)
    attacks.check(attack, config)
    model = _model(folder, config, objective)
    attacked = attacks.Attacked(folder, config, result, objective, model)
    given = None if isinstance(dataset, str) else dataset
    found = attacks.attack(attack, attacked, given)
    return Scores(folder, found, f"attack {attack}")


def _model(
    folder: pathlib.Path, config: Config, objective: Objective
) -> keras.Model:
    """The model of a run, on the devices that it is scored on."""
    # one process scores what several workers have trained
    strategy = "auto" if config.strategy == "multi_worker" else config.strategy
    with get_strategy(strategy).scope():
        model = load_model(folder / run_dir.MODEL_FILE)
    _check_inputs(folder, model, objective)
    return model


def _metrics(
    objective: Objective,
    model: keras.Model,
    test: Source,
    before: Mapping[str, Any],
    by: str,
    train: Callable[[], Source | None],
) -> dict[str, Any]:
    """Scores of some examples, and of each group of them if asked for."""
    recalled = objective.recall(model, train)
    metrics = objective.score_again(model, test, before, recalled)
    if by:
        metrics["by"] = score_groups(
            objective, model, test, before, by, recalled
        )
    return metrics


def _has_changed(folder: pathlib.Path, config: Config, test: Source) -> bool:
    """Whether a run's own test split is another one now, which is told."""
    if run_dir.was_scored_on(folder, test):
        return False
    _LOG.warning(
        "The test split of %s has changed since %s was trained.",
        config.dataset,
        folder,
    )
    return True


def _check_inputs(
    folder: pathlib.Path, model: keras.Model, objective: Objective
) -> None:
    names = named_inputs(model)
    if missing := set(objective.extra_inputs) - set(names):
        raise UserError(
            f"The model in {folder} must have an input {missing.pop()!r}, got "
            f"{', '.join(sorted(names))}, as version 0.1 wrote it: run the "
            "stage again under another --name."
        )


def _changed(changes: dict[str, Any]) -> list[str]:
    return [
        f"{name}={value}"
        for name, value in changes.items()
        if name not in NON_IDENTITY_FIELDS
    ]
