"""Training as the settings of a run say."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.batching import Augment, steps_per_epoch
from keras_ptft.data.pipeline.epoch_views import Augmented, Views
from keras_ptft.experiment import run_dir
from keras_ptft.objectives.classification import balanced_weights
from keras_ptft.objectives.objective import Objective
from keras_ptft.registry import lookup
from keras_ptft.training.checkpointing.store import (
    Checkpoint,
    Checkpoints,
    Interval,
    parse_interval,
)
from keras_ptft.training.distribution import strategies
from keras_ptft.training.distribution.strategies import MakeBatches
from keras_ptft.training.execution.plan import make_plan
from keras_ptft.training.execution.xla_autotune import autotune_xla
from keras_ptft.training.fit import FitConfig, fit, training_batches
from keras_ptft.training.optimizers.optimizers import make_optimizer
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
) -> dict[str, Any]:
    """Trains a model in place.

    Args:
        config: the settings.
        model: all of the network that is trained.
        objective: what for.
        sources: "train" and "validation"; inputs of `prefix`, or else of
            `model`.
        prefix: frozen model before `model`, or None.
        folder: gets the history and the checkpoints, and may hold some to
            go on from; None: nothing is written.

    Returns:
        The plan, the history, the number of trained parameters, where the
        seconds of the steps went, and the steps at which the training was
        taken up again.
    """
    checkpoints = folder and _checkpoints(config, folder)
    start = checkpoints.latest() if checkpoints else None
    schooling = _schooling(config, sources["train"])
    with strategies.get_strategy(config.strategy).scope():
        loop = _make_loop(
            config,
            model,
            partial(TrainingModel, objective=objective, prefix=prefix),
            partial(training_batches, sources["train"], objective, schooling),
            steps=steps_per_epoch(sources["train"], schooling.step_size),
            start=start,
        )
    _LOG.info("Plan: %s.", loop.plan)
    if start is not None:
        _LOG.info("Going on after step %s.", f"{start.step:,}")
    history = fit(
        loop,
        sources,
        schooling,
        folder=folder,
        checkpoints=checkpoints,
        start=start,
    )
    return {
        "plan": dataclasses.asdict(loop.plan),
        "history": history,
        "trained_parameters": _size(model.trainable_variables),
        "steps": _told(loop),
        "resumed": start.resumed if start else [],
    }


def frozen_inputs(
    config: Config, prefix: keras.Model | None, sources: Mapping[str, Source]
) -> tuple[keras.Model | None, Mapping[str, Source]]:
    """What the trained part is fed with, computed once where possible.

    Returns:
        The prefix, or None where nothing is left for it to do at each step,
        and the training and validation sources.
    """
    sources = {k: v for k, v in sources.items() if k in _TRAINED_ON}
    if prefix is None:
        return None, sources
    if None in prefix.output_shape[1:]:
        _LOG.info(
            "The frozen part runs at every step: it gives features of each "
            "token, and texts differ in length."
        )
        return prefix, sources
    shown = sources
    if augment := _augment(config.augment):
        if not config.augment_views:
            _LOG.info(
                "The frozen part runs at every step: inputs are augmented "
                "(--augment_views=K would compute K passes once)."
            )
            return prefix, sources
        train, setting, seed = sources["train"], config.augment, config.seed
        epochs = range(min(config.augment_views, config.epochs))
        views = (Augmented(train, augment, setting, seed, e) for e in epochs)
        shown = sources | {"train": Views(tuple(views))}
    folder = pathlib.Path(config.runs_dir) / ".features"
    cache = FeatureCache(folder, limit=config.feature_cache_gb * 1e9)
    cached = cache_features(prefix, shown, cache)
    return (prefix, sources) if cached is None else (None, cached)


def _make_loop(
    config: Config,
    model: keras.Model,
    make: Callable[..., TrainingModel],
    make_batches: MakeBatches,
    *,
    steps: int,
    start: Checkpoint | None,
) -> TrainingModel:
    """The loop with its optimizer, as fast as it is found to run."""
    plan = make_plan(
        strategies.get_strategy(config.strategy),
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
        model,
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
    return make(
        plan=autotune_xla(plan, make, make_batches, total_steps=total_steps)
    )


def _checkpoints(config: Config, folder: pathlib.Path) -> Checkpoints | None:
    interval = parse_interval(config.checkpoint_every)
    if interval == Interval():
        return None
    folder = folder / run_dir.CHECKPOINTS
    keep = config.keep_checkpoints
    return Checkpoints(folder, keep=keep, interval=interval)


def _told(loop: TrainingModel) -> dict[str, float]:
    """Where the seconds of the steps went, which is logged too."""
    seconds = loop.clock.seconds
    waited = float(loop.waited.numpy())
    if seconds.get("steps"):
        share = waited / seconds["steps"]
        bound = "input" if share > 0.5 else "compute"
        _LOG.info(
            "Steps waited for data %.0f %% of their time: %s-bound.",
            *(100 * share, bound),
        )
    return seconds | {"waited": round(waited, 3)}


def _schooling(config: Config, source: Source) -> FitConfig:
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
    row = lookup(AUGMENTATIONS, spec, "augmentation")
    return None if row.name == "none" else row


def _size(variables: list[keras.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)
