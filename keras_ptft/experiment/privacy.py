"""What a private run refuses, and what it leaves out.

--privacy bounds what the steps of a training tell of an example. Whatever
else reads examples would tell of them without any bound: it is refused where
the run asks for it, and left out where it does so by itself.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.core.targets import NUMBERS
from keras_ptft.errors import UserError
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.experiment.accounts import check_budget
from keras_ptft.experiment.pretrained import is_known_name
from keras_ptft.models.backbone_input import Moments
from keras_ptft.objectives.saved import objective_type
from keras_ptft.privacy import budget_of
from keras_ptft.training.clipped_gradients import check_separable

_LOG = logging.getLogger("keras_ptft")

_REFUSED = {
    "batchnorm": "its statistics are of whole batches: leave it out",
    "calibrate": (
        "a temperature is fitted on validation examples without noise: leave "
        "it out"
    ),
    "class_weight": (
        "the weights are counts of examples without noise: leave it out"
    ),
    "compare_scratch": (
        "the second training would spend as much again: leave it out, and "
        "train it as a run of its own"
    ),
    "deterministic": (
        "its noise comes from no seed, so that it cannot be repeated: leave "
        "it out"
    ),
    "early_stopping_patience": (
        "validation examples would decide without noise when it stops: leave "
        "it out, and set --epochs"
    ),
    "mix": "each example has to be clipped alone: leave it out",
    "probe": (
        "a head is solved without noise: leave it out, and train the head"
    ),
    "probe_every": (
        "features are judged by training examples without noise: leave it out"
    ),
    "sampling": ("each example has to be drawn for itself: leave it out"),
}
"""What a private run cannot set, and why."""


def is_private(config: Config) -> bool:
    """Returns whether a run hides which examples it was trained on.

    Example:

    >>> is_private(Config(privacy="dp_sgd(epsilon=3, delta=1e-5)"))
    True
    """
    return budget_of(config.privacy) is not None


def check_private(config: Config) -> None:
    """Refuses settings that read examples without noise.

    Args:
        config: the settings.

    Raises:
        UserError: a private run cannot have a setting.
    """
    if not is_private(config):
        return
    for name in filter(config.is_set, _REFUSED):
        raise _refusal(config, name, _REFUSED[name])
    if config.learning_rate == "find":
        reason = "it is found by training examples without noise: set a number"
        raise _refusal(config, "learning_rate", reason)
    _check_objective(config)
    if config.teacher and not is_known_name(config.teacher, config.runs_dir):
        raise _refusal(
            config,
            "teacher",
            "its answers tell of the data that it was trained on: use a "
            "known model, as efficientnet_lite0, or leave it out",
        )


def check_private_export(config: Config) -> None:
    """Refuses settings of an export that would hold examples' ranges.

    Raises:
        UserError: `quantize` needs training examples.
    """
    if is_private(config) and config.quantize == "int8":
        raise _refusal(
            config,
            "quantize",
            "the ranges of tensors are those of training examples: use "
            "dynamic or float16",
        )


def check_private_training(
    config: Config, model: keras.Model, train: Source
) -> None:
    """Refuses a model and a budget with which a run cannot be private.

    Args:
        config: the settings.
        model: what is trained, frozen as far as it is frozen at last.
        train: the training split.

    Raises:
        UserError: an example would change what the others give, or the
            budget does not fit so many examples.
    """
    if is_private(config):
        check_separable(model)
        check_budget(config, len(train))


def check_not_tuned(recipe: Config) -> None:
    """Refuses to search the settings of a private run.

    Raises:
        UserError: the recipe is private.
    """
    if is_private(recipe):
        raise UserError(
            f"--privacy={recipe.privacy} excludes tune: each trial spends as "
            "much again, and validation examples choose among them without "
            "noise: tune on public data, and train with what is found."
        )


def private_moments(
    config: Config, moments: Callable[[], Moments]
) -> Callable[[], Moments]:
    """Returns what computes the moments of training examples, or refuses.

    Args:
        config: the settings.
        moments: computes the mean and the variance.
    """
    if not is_private(config):
        return moments

    def refuse() -> Moments:
        raise _refusal(
            config,
            "normalization",
            "the mean and the variance are those of training examples: use "
            "unit, or fixed(mean=..., std=...) with numbers that are public",
        )

    return refuse


def check_private_texts(config: Config) -> None:
    """Refuses to learn a vocabulary from private texts.

    Raises:
        UserError: the run is private.
    """
    if is_private(config):
        raise UserError(
            f"--privacy={config.privacy} cannot learn a vocabulary from the "
            "texts, which would show their words: fine-tune public weights "
            "by --init_from, as all_minilm_l6_v2, or their architecture by "
            "--from_scratch."
        )


def private_groups(config: Config, dataset: Dataset) -> list[str]:
    """Returns a note where several examples belong together.

    Args:
        config: the settings.
        dataset: with a training split.
    """
    train = dataset.splits.get("train")
    if not is_private(config) or train is None or train.groups is None:
        return []
    most = _largest_group(train)
    if most < 2:
        return []
    return [
        f"--privacy hides one example, and a group of --group_column or "
        f"--group_pattern has up to {most:,}: of a whole group it hides less"
    ]


def without_examples(found: Evaluation) -> Evaluation:
    """Returns scores alone, without what was found of single examples.

    Args:
        found: of a private run.
    """
    return dataclasses.replace(
        found,
        answers=None,
        features=None,
        word_vectors=None,
        estimates=None,
        thresholds={},
        predictions={},
    )


def without_names(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the account of data without the names of examples.

    Args:
        data: "data" of `result.json`.

    Example:

    >>> without_names({"left_out": [{"count": 1, "first": ["ann.png"]}]})
    {'left_out': [{'count': 1, 'first': []}]}
    """
    left_out = [{**part, "first": []} for part in data["left_out"]]
    return {**data, "left_out": left_out}


def tell_left_out() -> None:
    """Logs what a private run does not write."""
    _LOG.info(
        "Privacy: left out, since they show examples: their fingerprints and "
        "predictions, thresholds chosen on the validation split, pictures, "
        "texts, names and explanations in the report, word vectors, the "
        "shared caches, statistics for monitor. An export is proved by made "
        "up examples, and warms up with them. The run folder is not for "
        "publication: privacy.json has the key of the batches."
    )


def tell_spent(runs: int) -> None:
    """Logs what several private trainings on the same data spend together.

    Args:
        runs: how many of them are private.
    """
    if runs > 1:
        _LOG.info(
            "Privacy: %d private runs on the same data spend up to %d times "
            "the epsilon and delta of one, and all others are not private: "
            "this measures a method, it is not for publishing its models.",
            runs,
            runs,
        )


def _check_objective(config: Config) -> None:
    kind = objective_type(config.objective)
    if kind.compares:
        raise _refusal(
            config,
            "objective",
            "it compares the examples of a batch, so that none can be clipped "
            "alone: use another, as classification",
        )
    if kind.label_kind == NUMBERS:
        raise _refusal(
            config,
            "objective",
            "its head has the mean and the standard deviation of the training "
            "numbers, without noise: use classification, of ranges of the "
            "number that are public",
        )
    if kind.windows:
        raise _refusal(
            config,
            "objective",
            "an example is a window of a running text, and what one writes "
            "is in many of them: use masked_tokens, of a text each",
        )


def _refusal(config: Config, name: str, reason: str) -> UserError:
    return UserError(
        f"--privacy={config.privacy} excludes --{name}="
        f"{getattr(config, name)}: {reason}."
    )


def _largest_group(source: Source) -> int:
    if source.groups is None or not len(source):
        return 0
    return int(np.unique(source.groups, return_counts=True)[1].max())
