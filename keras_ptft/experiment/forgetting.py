"""What a fine-tuned backbone still knows of its pretraining: `--forgetting`."""

import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_ptft.config import Config
from keras_ptft.errors import UserError
from keras_ptft.evaluation.metrics import shown_metrics
from keras_ptft.experiment import builders, run_dir
from keras_ptft.experiment.loading import GIVEN, reload_dataset
from keras_ptft.experiment.pretrained import is_known_model
from keras_ptft.experiment.results import read_result
from keras_ptft.experiment.run_files import FLAGS_FILE
from keras_ptft.experiment.weights import Weights
from keras_ptft.models.saved import load_model
from keras_ptft.objectives.saved import OBJECTIVE_FILE, read_objective
from keras_ptft.training.distribution.strategies import get_strategy


def check_forgetting(config: Config) -> None:
    """Raises a UserError unless the pretraining can be scored again."""
    if not config.forgetting:
        return
    expected = "--forgetting needs --init_from to be a run of pretraining"
    if is_known_model(config):
        raise UserError(
            f"{expected}, whose head and data are there, got the known model "
            f"{config.init_from}: leave it out."
        )
    if not config.init_from:
        raise UserError(
            f"{expected}, got a backbone that was handed over: leave it out."
        )
    parent = _parent(config)
    needed = FLAGS_FILE, run_dir.MODEL_FILE, OBJECTIVE_FILE
    for name in needed:
        if not (parent / name).exists():
            raise UserError(
                f"{expected}, and {parent} has no {name}: leave it out."
            )
    if run_dir.read_config(parent).dataset == GIVEN:
        raise UserError(
            f"{expected} that can load its data, and those of {parent} were "
            "handed over as an object: leave it out."
        )


def forgetting(folder: pathlib.Path, config: Config) -> dict[str, Any]:
    """Scores the head of pretraining on the fine-tuned backbone.

    Where no weight of the backbone has changed, nothing is computed.

    Args:
        folder: the run folder, with the saved backbone.
        config: the settings of the run.

    Returns:
        The `run` of pretraining, its metrics on its test split `before` and
        `after` the fine-tuning, and whether its backbone was `frozen`; or
        why these were `not_measured`.
    """
    parent = _parent(config)
    try:
        return {"run": parent.name, **_scores(parent, folder, config)}
    except UserError as error:
        # the fine-tuning is done, and must not be lost to a moved file
        return {"run": parent.name, "not_measured": str(error)}


def _parent(config: Config) -> pathlib.Path:
    return run_dir.find_backbone(config.init_from, config.runs_dir).parent


def _scores(
    parent: pathlib.Path, folder: pathlib.Path, config: Config
) -> dict[str, Any]:
    with get_strategy(config.strategy).scope():
        model = load_model(parent / run_dir.MODEL_FILE)
    tuned = _tuned_layers(parent, folder, model)
    result = read_result(parent)
    before = result.metrics["test"] if result else {}
    if all(_same(model, name, values) for name, values in tuned.items()):
        told = _shown(before)
        return {"before": told, "after": told, "frozen": True}
    theirs = run_dir.read_config(parent)
    weights = Weights.beside(parent / run_dir.MODEL_FILE, model)
    dataset = reload_dataset(theirs, None, weights)
    info = dataset.info.as_trained(read_objective(parent).info)
    objective = builders.build_objective(theirs, info)
    train, test = dataset.splits["train"], dataset.splits["test"]

    def scored() -> dict[str, Any]:
        recalled = objective.recall(model, lambda: train)
        return objective.score_again(model, test, before, recalled)

    if not run_dir.was_scored_on(parent, test):
        before = scored()
    for name, values in tuned.items():
        model.get_layer(name).set_weights(values)
    after = scored()
    return {"before": _shown(before), "after": _shown(after), "frozen": False}


def _tuned_layers(
    parent: pathlib.Path, folder: pathlib.Path, model: keras.Model
) -> dict[str, list[np.ndarray]]:
    """The fine-tuned weights of each layer that the head stands on.

    Raises:
        UserError: the fine-tuned backbone is another network.
    """
    names = {layer.name for layer in model.layers}
    backbone = load_model(parent / run_dir.BACKBONE_FILE)
    tuned = load_model(folder / run_dir.BACKBONE_FILE)
    found = {layer.name: layer for layer in tuned.layers}
    taken = {}
    for layer in backbone.layers:
        if layer.name not in names or not layer.weights:
            continue
        values = layer.get_weights()
        new = found[layer.name].get_weights() if layer.name in found else []
        if [x.shape for x in values] != [x.shape for x in new]:
            raise UserError(
                f"the head of {parent} needs its layer {layer.name!r} as it "
                "was shaped, and the fine-tuned backbone has another network."
            )
        taken[layer.name] = new
    return taken


def _same(model: keras.Model, name: str, values: list[np.ndarray]) -> bool:
    old = model.get_layer(name).get_weights()
    return all(map(np.array_equal, old, values))


def _shown(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {"examples": metrics["examples"], **shown_metrics(metrics)}
