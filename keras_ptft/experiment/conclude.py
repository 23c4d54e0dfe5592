"""The end of a run: scores, report and result."""

import dataclasses
import logging
import pathlib

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
from keras_ptft.experiment.exporting import publish
from keras_ptft.experiment.feature_folder import forget_features
from keras_ptft.experiment.forgetting import forgetting
from keras_ptft.experiment.loading import Loaded
from keras_ptft.experiment.privacy import (
    is_private,
    tell_left_out,
    without_examples,
)
from keras_ptft.experiment.results import RunResult
from keras_ptft.explanation.insight import insight
from keras_ptft.explanation.neighbors import feature_insight
from keras_ptft.models.saved import load_model
from keras_ptft.objectives import Objective
from keras_ptft.objectives.saved import (
    THRESHOLDS_FILE,
    write_thresholds,
)
from keras_ptft.serving.word_vectors import write_projector, write_word2vec
from keras_ptft.training.distribution.strategies import get_strategy
from keras_ptft.training.timer import Timer

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
    _LOG.info("Scoring the model.")
    with timer("evaluate"), get_strategy(config.strategy).scope():
        model = load_model(folder / run_dir.MODEL_FILE)
        objective = calibrated(folder, config, objective, model, loaded.dataset)
        found = objective.evaluate(
            model, loaded.dataset, reject_below=config.reject_below
        )
    found = _published(folder, config, found)
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


def _published(
    folder: pathlib.Path, config: Config, found: Evaluation
) -> Evaluation:
    """What may be told; a private run forgets its examples."""
    if not is_private(config):
        return found
    tell_left_out()
    forget_features(folder)
    return without_examples(found)


def _insight(
    model: keras.Model,
    objective: Objective,
    dataset: Dataset,
    found: Evaluation,
) -> Insight | None:
    """What the report tells of single examples."""
    _LOG.info("Explaining some answers (--explain=false skips this).")
    if found.features is not None:
        return feature_insight(objective.info, dataset.splits, found.features)
    return insight(model, objective.info, dataset.splits, found)
