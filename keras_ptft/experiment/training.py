"""Trains a model as the settings of a run say."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Mapping
from functools import partial

import keras
import numpy as np

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.batching import steps_per_epoch
from keras_ptft.data.pipeline.epoch_views import Augment, Augmented, Views
from keras_ptft.experiment import run_dir
from keras_ptft.experiment.results import TrainingResult
from keras_ptft.objectives import Objective
from keras_ptft.objectives.classification import balanced_weights
from keras_ptft.registry import lookup
from keras_ptft.training.checkpointing.store import (
    Checkpoint,
    Checkpoints,
    Interval,
    parse_interval,
)
from keras_ptft.training.distribution.strategies import (
    MakeBatches,
    get_strategy,
)
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.execution.xla_autotune import autotune_xla
from keras_ptft.training.fit import FitConfig, fit, training_batches
from keras_ptft.training.optimizers import make_optimizer
from keras_ptft.training.training_model import TrainingModel
from keras_ptft.transfer.cache import FeatureCache
from keras_ptft.transfer.features import cache_features

_LOG = logging.getLogger("keras_ptft")
_TRAINED_ON = ("train", "validation")


def train(
    config: Config,
    model: keras.Model,
    objective: Objective,
    sources: Mapping[str, Source],
    *,
    prefix: keras.Model | None = None,
    folder: pathlib.Path | None = None,
) -> TrainingResult:
    """Trains a model in place.

    Args:
        config: the settings.
        model: all of the network that is trained.
        objective: what it is trained for.
        sources: "train" and "validation"; inputs of `prefix`, or else of
            `model`.
        prefix: frozen model before `model`, or None.
        folder: gets the history and the checkpoints, and may hold some to
            resume from; None: nothing is written.
    """
    checkpoints = _checkpoints(config, folder) if folder else None
    start = checkpoints.latest() if checkpoints else None
    fit_config = _fit_config(config, sources["train"])
    with get_strategy(config.strategy).scope():
        training_model = _training_model(
            config,
            model,
            partial(TrainingModel, model, objective, prefix=prefix),
            partial(training_batches, sources["train"], objective, fit_config),
            steps=steps_per_epoch(sources["train"], fit_config.step_size),
            start=start,
        )
    _LOG.info("Plan: %s.", training_model.plan)
    if start is not None:
        _LOG.info("Resuming after step %s.", f"{start.step:,}")
    history = fit(
        training_model,
        sources,
        fit_config,
        folder=folder,
        checkpoints=checkpoints,
        start=start,
    )
    return TrainingResult(
        plan=dataclasses.asdict(training_model.plan),
        history=history,
        trained_parameters=_size(model.trainable_variables),
        steps=_step_seconds(training_model),
        resumed=start.resumed if start else [],
    )


def frozen_inputs(
    config: Config,
    prefix: keras.Model | None,
    objective: Objective,
    sources: Mapping[str, Source],
) -> tuple[keras.Model | None, Mapping[str, Source]]:
    """Computes what the frozen part gives once, where that is possible.

    Args:
        config: the settings.
        prefix: the frozen part, or None.
        objective: may change the inputs at each step.
        sources: the splits.

    Returns:
        The prefix, or None where nothing is left for it to do at each step,
        and the training and validation sources.
    """
    sources = {k: v for k, v in sources.items() if k in _TRAINED_ON}
    if prefix is None:
        return None, sources
    if obstacle := _cache_obstacle(config, prefix, objective):
        _LOG.info("The frozen part runs at every step: %s.", obstacle)
        return prefix, sources
    shown = dict(sources)
    if augment := _augment(config.augment):
        train, setting, seed = sources["train"], config.augment, config.seed
        epochs = range(min(config.augment_views, config.epochs))
        views = (Augmented(train, augment, setting, seed, e) for e in epochs)
        shown["train"] = Views(tuple(views))
    folder = pathlib.Path(config.runs_dir) / ".features"
    cache = FeatureCache(folder, limit=config.feature_cache_gb * 1e9)
    cached = cache_features(prefix, shown, cache)
    return (prefix, sources) if cached is None else (None, cached)


def _cache_obstacle(
    config: Config, prefix: keras.Model, objective: Objective
) -> str:
    """Why features cannot be computed once, or nothing."""
    shapes = [output.shape for output in prefix.outputs]
    if any(None in shape[1:] for shape in shapes):
        return "it gives features of each token, and texts differ in length"
    if objective.changes_inputs:
        return "the objective changes the inputs at every step"
    if _augment(config.augment) and not config.augment_views:
        return (
            "inputs are augmented (--augment_views=K would compute K passes "
            "once)"
        )
    return ""


def _training_model(
    config: Config,
    model: keras.Model,
    make: Callable[..., TrainingModel],
    make_batches: MakeBatches,
    *,
    steps: int,
    start: Checkpoint | None,
) -> TrainingModel:
    """Makes the training model, as fast as it is found to run."""
    plan = make_plan(
        get_strategy(config.strategy),
        model,
        batch_size=config.batch_size,
        steps_per_epoch=steps,
        deterministic=config.deterministic,
        jit_compile=config.jit_compile,
        steps_per_execution=config.steps_per_execution,
    )
    if start is not None:
        plan = plan.as_before(start.facts["plan"])
    total_steps = steps * config.epochs
    make = partial(
        make,
        optimizer=make_optimizer(
            config.optimizer,
            config.schedule,
            learning_rate=config.learning_rate,
            total_steps=total_steps,
            clip_norm=config.clip_norm,
        ),
        steps_per_epoch=steps,
        gradient_accumulation=config.gradient_accumulation,
    )
    plan = autotune_xla(plan, make, make_batches, total_steps=total_steps)
    return make(plan=plan)


def _checkpoints(config: Config, folder: pathlib.Path) -> Checkpoints | None:
    interval = parse_interval(config.checkpoint_every)
    if interval == Interval():
        return None
    folder = folder / run_dir.CHECKPOINTS
    keep = config.keep_checkpoints
    return Checkpoints(folder, keep=keep, interval=interval)


def _step_seconds(training_model: TrainingModel) -> dict[str, float]:
    """Where the seconds of the steps went; logs it too."""
    seconds = dict(training_model.clock.seconds)
    waited = training_model.waited_seconds
    if waited is None:
        return seconds
    if seconds.get("steps"):
        fraction = waited / seconds["steps"]
        _LOG.info(
            "Steps waited for data %.0f %% of their time: %s-bound.",
            100 * fraction,
            "input" if fraction > 0.5 else "compute",
        )
    return seconds | {"waited": round(waited, 3)}


def _fit_config(config: Config, source: Source) -> FitConfig:
    weights = None
    if config.class_weight == "balanced":
        weights = balanced_weights(source.labels)
    return FitConfig(
        batch_size=config.batch_size,
        gradient_accumulation=config.gradient_accumulation,
        epochs=config.epochs,
        seed=config.seed,
        augment=_augment(config.augment),
        class_weights=weights,
        early_stopping_patience=config.early_stopping_patience,
    )


def _augment(spec: str) -> Augment | None:
    entry = lookup(AUGMENTATIONS, spec, "augmentation")
    return None if entry.name == "none" else entry


def _size(variables: list[keras.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)
