"""The end of a run: scores, report, result and export."""

import dataclasses
import logging
import os
import pathlib
import shutil
from collections.abc import Mapping

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.evaluation.metrics.out_of_scope import summary_line
from keras_ptft.evaluation.predictions import write_predictions
from keras_ptft.evaluation.report.exhibits import Insight
from keras_ptft.evaluation.report.forgetting import forgetting_sentence
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.calibrating import calibrated
from keras_ptft.experiment.documents import write_documents
from keras_ptft.experiment.forgetting import forgetting
from keras_ptft.experiment.loading import Loaded, reload_dataset
from keras_ptft.experiment.results import ExportResult, RunResult
from keras_ptft.experiment.run_files import CARD_FILE
from keras_ptft.experiment.weights import Weights
from keras_ptft.explanation.insight import insight
from keras_ptft.explanation.neighbors import feature_insight
from keras_ptft.models.saved import load_model
from keras_ptft.objectives import Objective
from keras_ptft.objectives.saved import (
    THRESHOLDS_FILE,
    read_objective,
    write_objective,
    write_thresholds,
)
from keras_ptft.serving.export import Export, export, find_export
from keras_ptft.serving.signatures.arrays import in_float32
from keras_ptft.serving.word_vectors import write_projector, write_word2vec
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.timer import Timer
from keras_ptft.transfer.audit import fingerprint

_LOG = logging.getLogger("keras_ptft")


def conclude(
    folder: pathlib.Path,
    config: Config,
    loaded: Loaded,
    objective: Objective,
    result: RunResult,
    timer: Timer,
) -> RunResult:
    """Scores what was saved, reports it, and exports it if requested.

    Args:
        folder: the run folder, with the saved model.
        config: the settings of the run.
        loaded: the data of the run.
        objective: what the model was trained for.
        result: what the stage knows.
        timer: where its seconds went.

    Returns:
        The whole result, written when all else is there.
    """
    with timer("evaluate"), get_strategy(config.strategy).scope():
        model = load_model(folder / run_dir.MODEL_FILE)
        objective = calibrated(folder, config, objective, model, loaded.dataset)
        found = objective.evaluate(
            model, loaded.dataset, reject_below=config.reject_below
        )
    is_told = found.answers is not None or found.features is not None
    if config.explain and is_told:
        with timer("explain"), get_strategy(config.strategy).scope():
            told = _insight(model, objective, loaded.dataset, found)
        found = dataclasses.replace(found, insight=told)
    if config.forgetting:
        with timer("forgetting"):
            result = result.replace(forgetting=forgetting(folder, config))
            _LOG.info(forgetting_sentence(result.forgetting or {}))
    result = result.replace(
        seconds=timer.seconds,
        metrics=dict(found.metrics),
        out_of_scope=found.out_of_scope,
    ).with_comparison()
    if found.out_of_scope is not None:
        _LOG.info(summary_line(found.out_of_scope))
    if found.thresholds:
        write_thresholds(folder, found.thresholds)
        _LOG.info(
            "The thresholds with the highest F1 on the validation split are "
            "in %s.",
            folder / THRESHOLDS_FILE,
        )
    write_predictions(folder, found.predictions)
    if found.word_vectors is not None:
        words, vectors = found.word_vectors.words, found.word_vectors.vectors
        write_word2vec(folder / "vectors.txt", words, vectors)
        write_projector(folder / "projector", words, vectors)
    write_documents(folder, config, loaded, objective, result, found)
    result.write(folder)
    return publish(folder, config, result, loaded.dataset)


def _insight(
    model: keras.Model,
    objective: Objective,
    dataset: Dataset,
    found: Evaluation,
) -> Insight | None:
    """What the report tells of single examples."""
    if found.features is not None:
        return feature_insight(objective.info, dataset.splits, found.features)
    return insight(model, objective.info, dataset.splits, found)


def publish(
    folder: pathlib.Path,
    config: Config,
    result: RunResult,
    dataset: Dataset | None = None,
    *,
    given: Dataset | None = None,
) -> RunResult:
    """Exports a run where its settings ask for it and it is not done yet.

    Args:
        folder: a complete run folder.
        config: the settings as they are now.
        result: the run's result.
        dataset: the data set of the run, prepared; None: loaded if it is
            needed.
        given: the data set to prepare then, if it was handed over.

    Returns:
        The result with its export.
    """
    done = result.export
    if not config.export_to:
        return result
    if done and done.base == config.export_to and os.path.isdir(done.path):
        _LOG.info(
            "%s is exported already, as %s; the next version: "
            "keras-ptft export %s.",
            folder,
            done.path,
            folder,
        )
        return result
    # not the model that was scored, whose variables may be mirrored
    model = load_model(folder / run_dir.MODEL_FILE)
    # a kill may come between publishing a version and noting it
    known = find_export(config.export_to, _source(folder, model))
    if known is not None:
        noted = _note(folder, config.export_to, result, known)
        return result.replace(export=noted)
    if dataset is None:
        weights = Weights.beside(folder / run_dir.MODEL_FILE, model)
        dataset = reload_dataset(config, given, weights)
    noted = export_run(folder, config, result, model, dataset)
    return result.replace(export=noted)


def export_run(
    folder: pathlib.Path,
    config: Config,
    result: RunResult,
    model: keras.Model,
    dataset: Dataset,
) -> ExportResult:
    """Publishes a run's model as the next version in `config.export_to`.

    Args:
        folder: a complete run folder.
        config: the settings of the run.
        result: the run's result.
        model: the model of the run.
        dataset: the data set of the run, whose test split proves the export.

    Returns:
        The version, which is also written into `result.json`.
    """
    objective = read_objective(folder)
    source = _source(folder, model)
    model = in_float32(model)

    def write_extra(extra: pathlib.Path) -> None:
        write_objective(extra, config.objective, objective.info)
        # runs of earlier versions have none
        if (folder / CARD_FILE).exists():
            shutil.copyfile(folder / CARD_FILE, extra / CARD_FILE)

    exported = export(
        config.export_to,
        objective.signatures(model, dataset.splits["test"]),
        write_extra=write_extra,
        source=source,
    )
    return _note(folder, config.export_to, result, exported)


def _source(folder: pathlib.Path, model: keras.Model) -> Mapping[str, str]:
    return {"run": folder.name, "weights": fingerprint(model)}


def _note(
    folder: pathlib.Path, base: str, result: RunResult, exported: Export
) -> ExportResult:
    noted = ExportResult(
        base=base,
        path=str(exported.path),
        version=exported.version,
        largest_difference=dict(exported.largest_difference),
    )
    result.replace(export=noted).write(folder)
    _LOG.info("Exported %s.", exported.path)
    return noted
