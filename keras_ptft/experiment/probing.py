"""Solves the head of a fine-tuned model, in place of training or before it.

A head that starts from random weights first moves the pretrained ones away
from what they knew; one that was solved leaves them where they are good
(Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and
Underperform Out-of-Distribution").
"""

import logging
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.epoch_views import Views
from keras_ptft.errors import UserError
from keras_ptft.experiment.builders import trains_head_alone
from keras_ptft.experiment.results import TrainingResult
from keras_ptft.objectives import OBJECTIVES, Objective
from keras_ptft.objectives.classification import balanced_weights
from keras_ptft.objectives.linear_head import Rows, Solution
from keras_ptft.objectives.probes import PROBES
from keras_ptft.registry import lookup
from keras_ptft.training.distribution.strategies import get_strategy

_LOG = logging.getLogger("keras_ptft")

# they would change what is learned, and a probe cannot follow them
_REFUSED = (
    "batchnorm",
    "layer_decay",
    "l2_sp",
    "ema",
    "mix",
    "sampling",
)
# they say how a minimum is approached, and a probe has its own way
_UNUSED = (
    "optimizer",
    "learning_rate",
    "schedule",
    "clip_norm",
    "batch_size",
    "gradient_accumulation",
    "epochs",
    "early_stopping_patience",
)


def is_solved(config: Config) -> bool:
    """Returns whether the head is solved: for good, or to start from."""
    return lookup(PROBES, config.probe, "probe").name != "none"


def is_probe(config: Config) -> bool:
    """Returns whether the head is solved in place of being trained."""
    return is_solved(config) and trains_head_alone(config)


def check_probe(config: Config) -> None:
    """Finds settings that a probe cannot follow, before data are loaded.

    Raises:
        UserError: there is one.
    """
    if not is_solved(config):
        return
    _check_objective(config)
    if is_probe(config):
        _check_alone(config)


def _check_alone(config: Config) -> None:
    """Refuses what only a training could follow, and there is none."""
    probe = f"--probe={config.probe}"
    objective = lookup(OBJECTIVES, config.objective, "objective")
    for name, value in OBJECTIVES[objective.name].solved_for.items():
        if objective.kwargs.get(name, value) != value:
            raise UserError(
                f"{probe} minimises the loss with {name}={value} alone, got "
                f"--objective={config.objective}: leave out {name}, or the "
                "probe."
            )
    for name in filter(config.is_set, _REFUSED):
        raise UserError(
            f"{probe} solves the head and --freeze=all trains nothing, so "
            f"--{name}={getattr(config, name)} has no meaning: leave it out, "
            "or set --freeze to a cut point behind which is trained on."
        )
    augmentation = lookup(AUGMENTATIONS, config.augment, "augmentation")
    if augmentation.name != "none" and not config.augment_views:
        raise UserError(
            f"{probe} needs features that are computed once, got --augment="
            f"{config.augment}: set --augment_views=4 to solve the head on "
            "so many augmented passes."
        )


def _check_objective(config: Config) -> None:
    """Refuses an objective whose head the probe does not solve."""
    probe, got = f"--probe={config.probe}", f"--objective={config.objective}"
    row = lookup(PROBES, config.probe, "probe").name
    objective = lookup(OBJECTIVES, config.objective, "objective")
    kind = OBJECTIVES[objective.name]
    if kind.probe not in ("", row):
        raise UserError(
            f"{probe} solves another head, got {got}: use --probe={kind.probe}."
        )
    if not kind.probe:
        solved = [name for name, kind in OBJECTIVES.items() if kind.probe]
        raise UserError(
            f"{probe} needs a linear head, got {got}, which has none that is "
            f"solved: leave out the probe; there are: {', '.join(solved)}."
        )


def solve(
    config: Config,
    head: keras.Model,
    objective: Objective,
    sources: Mapping[str, Source],
    *,
    prefix: keras.Model | None = None,
) -> TrainingResult:
    """Sets the head of a model to what the probe finds.

    Every worker solves the same problem, on all features. Without cached
    features, for which `prefix` is given, it cannot.

    Args:
        config: the settings.
        head: the model from features to outputs.
        objective: what it is for.
        sources: features of "train", and of "validation" where there is one.
        prefix: the frozen model, where its features were not computed.

    Returns:
        A result without history: there are no epochs.

    Raises:
        UserError: the head cannot be solved on these features.
    """
    if prefix is not None:
        raise UserError(
            f"--probe={config.probe} needs the features of all examples: "
            "raise --feature_cache_gb."
        )
    if is_probe(config) and not config.compare_scratch:
        _tell_unused(config)
    weights = None
    if config.class_weight == "balanced":
        weights = balanced_weights(sources["train"].labels)
    rows = {name: _rows(source, weights) for name, source in sources.items()}
    probe = lookup(PROBES, config.probe, "probe")
    _LOG.info(
        "Solving the head by %s on %s examples.",
        probe.name,
        f"{len(rows['train'].targets):,}",
    )
    found = objective.solve(head, probe, rows)
    _tell("Plan" if is_probe(config) else "Head", probe.name, found)
    return TrainingResult(
        plan=_plan(config, probe.name, found),
        trained_parameters=found.kernel.size + found.bias.size,
    )


def _rows(source: Source, weights: np.ndarray | None) -> Rows:
    """All examples of a source, of `Views` those of each view."""
    views = source.sources if isinstance(source, Views) else (source,)
    given = source.labels if source.values is None else source.values
    features = [
        view.gather(tf.range(len(view), dtype=tf.int64)) for view in views
    ]
    targets = np.concatenate([given] * len(views))
    return Rows(
        features=np.concatenate([np.asarray(x, np.float32) for x in features]),
        targets=targets,
        weights=np.ones(len(targets)) if weights is None else weights[targets],
    )


def _plan(config: Config, probe: str, found: Solution) -> dict[str, Any]:
    strategy = get_strategy(config.strategy)
    return {
        "strategy": type(strategy).__name__.lstrip("_"),
        "replicas": strategy.num_replicas_in_sync,
        "reason": f"solved by {_named(probe, found)}",
        "iterations": found.iterations,
        "converged": found.converged,
        "validation_losses": {
            f"{value:g}": loss
            for value, loss in found.validation_losses.items()
        },
    }


def _tell(what: str, probe: str, found: Solution) -> None:
    if found.validation_losses:
        pairs = found.validation_losses.items()
        losses = ", ".join(f"{value:g}: {loss:.4f}" for value, loss in pairs)
        _LOG.info("Validation loss by %s: %s.", found.setting, losses)
    how = f", in {found.iterations} iterations" if found.iterations else ""
    _LOG.info("%s: solved by %s%s.", what, _named(probe, found), how)
    if not found.converged:
        _LOG.warning(
            "The solver stopped before the minimum, after %d iterations: "
            "raise max_iter.",
            found.iterations,
        )


def _named(probe: str, found: Solution) -> str:
    return f"{probe} ({found.setting}={found.value:g})"


def _tell_unused(config: Config) -> None:
    unused = filter(config.is_set, _UNUSED)
    told = ", ".join(f"--{name}={getattr(config, name)}" for name in unused)
    if told:
        _LOG.info("Not used, since nothing is trained: %s.", told)
