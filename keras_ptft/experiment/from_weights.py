"""A model with pretrained weights in it: made, trained in phases, saved."""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.experiment import builders, run_dir
from keras_ptft.experiment.lessons import Lesson
from keras_ptft.experiment.phases import Phases, Tune
from keras_ptft.experiment.pretrained import Pretrained
from keras_ptft.experiment.tuning import tune
from keras_ptft.models.feature_model import feature_model
from keras_ptft.objectives import Objective
from keras_ptft.transfer.adapter import merge_adapter, save_adapter
from keras_ptft.transfer.fates import layer_fates
from keras_ptft.transfer.loading import TransferReport
from keras_ptft.transfer.pruning import zeros


class Built(NamedTuple):
    """What is trained on from pretrained weights."""

    objective: Objective
    body: keras.Model
    model: keras.Model
    transfer: TransferReport
    phases: Phases


def build(
    config: Config,
    data: Dataset,
    pretrained: Pretrained,
    models: Mapping[str, keras.Model | None],
    lesson: Lesson,
) -> Built:
    """Returns all that is trained, with the pretrained weights in it."""
    objective = builders.build_objective(config, data.info, lesson.facts)
    body = builders.build_backbone(config, data, objective, **models)
    transfer = builders.transfer(config, pretrained, body)
    model = builders.assemble(body, objective)
    features = feature_model(body, objective.feature_layer)
    tuned = _tune(config, features, pretrained, transfer)
    phases = Phases(config, model, features, tuned, lesson.teacher)
    return Built(objective, body, model, transfer, phases)


def save(folder: pathlib.Path, config: Config, built: Built) -> None:
    """Saves what was trained, and an adapter on its own too."""
    if config.lora != "none":
        _save_adapter(folder, built)
    run_dir.save_models(folder, built.body, built.model)


def _tune(
    config: Config,
    features: keras.Model,
    pretrained: Pretrained,
    transfer: TransferReport,
) -> Tune:
    """What decides how each part of a model is trained."""
    return functools.partial(
        tune,
        config,
        backbone=features,
        pretrained=pretrained.backbone,
        transferred=transfer.matched,
    )


def transferred(config: Config, built: Built) -> dict[str, Any]:
    """Returns what `result.json` says of the pretrained weights.

    Raises:
        RuntimeError: a pruned weight has changed.
    """
    tuning = built.phases.current.tuning
    layers = layer_fates(built.model, built.transfer.matched, tuning.variables)
    found = {**built.transfer.as_dict(), "layers": layers}
    if tuning.pruned:
        found["zeros"] = zeros(tuning.pruned, config.prune)
    return found


def _save_adapter(folder: pathlib.Path, built: Built) -> None:
    """Saves low-rank matrices alone, then merges them into the weights."""
    path = folder / run_dir.ADAPTER_FILE
    frozen = built.phases.last.tuning.frozen
    save_adapter(path, built.body, built.model, frozen)
    merge_adapter(built.model)
