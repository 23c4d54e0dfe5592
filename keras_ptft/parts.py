"""The parts of a run, each made from what a Config says of it."""

import dataclasses
import logging
import pathlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_ptft import data, files
from keras_ptft.config import Config
from keras_ptft.data import splits
from keras_ptft.data.augment import AUGMENTATIONS
from keras_ptft.data.dataset import Dataset, Loading, Source, fingerprint
from keras_ptft.data.pipeline import Augment, steps_per_epoch
from keras_ptft.data.statistics import moments
from keras_ptft.data.views import Augmented, Views
from keras_ptft.errors import UserError
from keras_ptft.models import BACKBONES
from keras_ptft.models.normalization import NORMALIZATIONS, scaling_of
from keras_ptft.objectives import OBJECTIVES
from keras_ptft.objectives.classification import balanced_weights
from keras_ptft.objectives.objective import Objective
from keras_ptft.registry import lookup
from keras_ptft.training import runs, runtime
from keras_ptft.training.fit import Schooling, fit, training_batches
from keras_ptft.training.loop import TrainingLoop
from keras_ptft.training.optimizers import (
    OPTIMIZERS,
    SCHEDULES,
    make_optimizer,
)
from keras_ptft.training.plan import make_plan
from keras_ptft.training.trial import settle
from keras_ptft.transfer.cache import FeatureCache
from keras_ptft.transfer.features import cache_features
from keras_ptft.transfer.loading import fresh_copy

_LOG = logging.getLogger("keras_ptft")


def check(config: Config) -> None:
    """Finds mistakes that show before anything is loaded or written.

    Raises:
        UserError: an unknown row or setting of one, a name that is none
            for a folder, or a folder that cannot be written.
    """
    if not re.fullmatch(r"(?!\.\.?$)[^/\\]{,100}", config.name):
        raise UserError(
            "--name must name one folder in --runs_dir, in 100 characters at "
            f"most, got {config.name!r}: leave out slashes."
        )
    files.check_folder(config.runs_dir, "runs_dir")
    files.check_folder(config.export_to, "export_to")
    for table, spec, kind in (
        (data.DATASETS, config.dataset, "dataset"),
        (AUGMENTATIONS, config.augment, "augmentation"),
        (BACKBONES, config.backbone or "cnn", "backbone"),
        (NORMALIZATIONS, config.normalization, "normalization"),
        (OBJECTIVES, config.objective, "objective"),
        (OPTIMIZERS, config.optimizer, "optimizer"),
        (SCHEDULES, config.schedule, "schedule"),
    ):
        lookup(table, spec, kind)


def prepare(config: Config) -> None:
    """Seeds the process and sets its precision."""
    runtime.prepare(
        seed=config.seed,
        precision=config.precision,
        deterministic=config.deterministic,
    )


def load_dataset(
    config: Config, on_leak: str = "ignore"
) -> tuple[Dataset, dict[str, Any]]:
    """The data set with its chosen classes, subset and validation split.

    Args:
        config: the settings.
        on_leak: what to do about training examples that stand in the test
            split too: "fail", "drop", "warn" or "ignore".

    Returns:
        The data set, and how many such examples there were.
    """
    loading = Loading(
        image_size=config.image_size,
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
        skip_bad_images=config.skip_bad_images,
    )
    dataset = data.load(config.dataset, loading)
    dataset = splits.select_classes(dataset, config.classes)
    dataset, leaks = splits.handle_leaks(dataset, on_leak)
    dataset = splits.hold_out_validation(dataset, config.validation_fraction)
    dataset = splits.subset_train(dataset, config.train_examples, config.seed)
    _LOG.info("%s: %s.", config.dataset, _described(dataset))
    return dataset, leaks


def record(folder: pathlib.Path, dataset: Dataset, parent: str = "") -> None:
    """Writes what a run starts from: labels, versions, data, weights."""
    sources = dataset.splits.items()
    fingerprints = {name: fingerprint(source) for name, source in sources}
    facts = runs.environment(data=fingerprints, parent=parent)
    files.write_json(folder / "environment.json", facts)
    files.write_json(folder / "labels.json", list(dataset.label_names))


def make_objective(config: Config, dataset: Dataset) -> Objective:
    """The objective for the classes of a data set."""
    row = lookup(OBJECTIVES, config.objective, "objective")
    return row(len(dataset.label_names))


def build_backbone(
    config: Config, dataset: Dataset, pretrained: keras.Model | None = None
) -> keras.Model:
    """A backbone with random weights.

    It scales its input as the pretrained one does, or else as
    `normalization` says. Without `backbone` it is the architecture of the
    pretrained one, or else a CNN.
    """
    if pretrained is not None and not config.backbone:
        return fresh_copy(pretrained)
    scaling = scaling_of(pretrained) if pretrained is not None else None
    if scaling is None:
        row = lookup(NORMALIZATIONS, config.normalization, "normalization")
        scaling = row(dataset.spec, partial(moments, dataset.splits["train"]))
    row = lookup(BACKBONES, config.backbone or "cnn", "backbone")
    return row(dataset.spec, scaling)


def add_head(backbone: keras.Model, objective: Objective) -> keras.Model:
    """The backbone with the objective's head, as one functional model."""
    outputs = objective.head(backbone.outputs[0])
    return keras.Model(backbone.inputs[0], outputs, name="model")


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
        folder: gets the history; None: nothing is written.

    Returns:
        The plan, the history and the number of trained parameters.
    """
    strategy = runtime.strategy(config.strategy)
    schooling = _schooling(config, sources["train"])
    steps = steps_per_epoch(sources["train"], schooling.step_size)
    plan = make_plan(
        strategy,
        model,
        batch_size=config.batch_size,
        steps_per_epoch=steps,
        deterministic=config.deterministic,
        jit_compile=config.jit_compile,
        steps_per_execution=config.steps_per_execution,
    )
    with strategy.scope():
        make_loop = partial(
            TrainingLoop,
            model,
            objective,
            optimizer=_optimizer(config, steps * config.epochs),
            steps_per_epoch=steps,
            prefix=prefix,
            gradient_accumulation=config.gradient_accumulation,
        )
        batches = training_batches(sources["train"], objective, schooling)
        plan = settle(
            plan, make_loop, batches, total_steps=steps * config.epochs
        )
        loop = make_loop(plan=plan)
    _LOG.info("Plan: %s.", plan)
    history = fit(loop, sources, schooling, folder=folder)
    return {
        "plan": dataclasses.asdict(plan),
        "history": history,
        "trained_parameters": _size(model.trainable_variables),
    }


def frozen_inputs(
    config: Config, prefix: keras.Model | None, sources: Mapping[str, Source]
) -> tuple[keras.Model | None, Mapping[str, Source]]:
    """What the trained part is fed with, computed once where possible.

    Returns:
        The prefix, or None where nothing is left for it to do at each step,
        and the training and validation sources.
    """
    sources = {k: v for k, v in sources.items() if k != "test"}
    if prefix is None:
        return None, sources
    shown = sources
    if augment := _augment(config.augment):
        if not config.augment_views:
            _LOG.info(
                "The frozen part runs at every step: images are augmented "
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


def _optimizer(config: Config, total_steps: int) -> keras.Optimizer:
    return make_optimizer(
        config.optimizer,
        config.schedule,
        learning_rate=config.learning_rate,
        total_steps=total_steps,
        clip_norm=config.clip_norm,
    )


def _schooling(config: Config, source: Source) -> Schooling:
    weights = None
    if config.class_weight == "balanced":
        weights = balanced_weights(source.labels)
    return Schooling(
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


def _described(dataset: Dataset) -> str:
    counts = ", ".join(f"{len(s):,} {n}" for n, s in dataset.splits.items())
    shape = "×".join(map(str, dataset.spec.shape))
    return (
        f"{counts} examples of {shape} {dataset.spec.dtype.name}, "
        f"{len(dataset.label_names)} classes"
    )


def _size(variables: list[keras.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)
