"""The linear model that fine-tuning has to beat."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from threadpoolctl import threadpool_limits

from keras_ptft.comparison.baselines.choice import Examples, choose
from keras_ptft.comparison.baselines.features import (
    Features,
    features_of,
    width_of,
)
from keras_ptft.comparison.baselines.models import FAMILIES, Family, Linear
from keras_ptft.comparison.result import LINEAR
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.core.targets import NUMBERS
from keras_ptft.errors import UserError
from keras_ptft.evaluation.evaluation import scored_splits
from keras_ptft.objectives import Objective

_MOST = 20_000
# a quarter of a GB in float32, and what it takes to read them
_MOST_NUMBERS = 2**26
_BATCH = 4096
_OF_PROBABILITIES = ("loss", "brier_score", "calibration_error", "calibration")


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A linear model, and how good it is.

    Attributes:
        metrics: of the test split, as `result.json` has them; a model that
            has no probabilities has no "loss" and no calibration.
        parameters: how many numbers were fitted.
        description: what it is, on one line.
        seconds: that it took.
    """

    metrics: Mapping[str, Any]
    parameters: int
    description: str
    seconds: float


def has_baseline(objective: Objective) -> bool:
    """Returns whether each example has something that can be predicted.

    Example:

    >>> from keras_ptft.data.core.info import DataInfo
    >>> from keras_ptft.objectives.classification import Classification
    >>> has_baseline(Classification(DataInfo(label_names=("cat", "dog"))))
    True
    """
    info = objective.info
    has_targets = bool(info.label_names) or info.label_kind == NUMBERS
    # other layers are of tokens, which the objective predicts or tags
    return objective.feature_layer == "features" and has_targets


def linear_baseline(dataset: Dataset, objective: Objective) -> Baseline:
    """Fits a linear model on the training split, and scores it.

    Of images and numbers it is a logistic regression, of texts a linear SVM
    on TF-IDF, of what is measured a ridge regression. How strong its penalty
    is, is chosen on the validation split, or by the thirds of train where
    there is none. At most 20,000 training examples are used. Weights of
    examples and classes are not. Two calls return the same numbers.

    Args:
        dataset: with splits "train" and "test", maybe "validation".
        objective: gives the metrics.

    Returns:
        The baseline, with the metrics that a run's own model has.

    Raises:
        UserError: `has_baseline` says that there is none, or tokens whose
            texts are not known.
    """
    if not has_baseline(objective):
        raise UserError(
            "A linear model needs a label or a number an example, and "
            f"{type(objective).__name__} has none: leave {LINEAR} out of "
            "--beside."
        )
    started = time.perf_counter()
    # threads would compute other digits when there are more of them, and
    # another process may need the other cores
    with threadpool_limits(1):
        found = _fitted(dataset, objective)
    metrics = _scored(dataset, objective, found)
    return Baseline(
        metrics=metrics,
        parameters=found.model.parameters,
        description=found.description,
        seconds=time.perf_counter() - started,
    )


@dataclasses.dataclass(frozen=True)
class _Fitted:
    family: Family
    features: Features
    model: Linear
    description: str

    def scores(self, source: Source) -> np.ndarray:
        every = np.arange(len(source))
        parts = np.split(every, range(_BATCH, len(every), _BATCH))
        with threadpool_limits(1):
            return np.concatenate(
                [
                    self.model.scores(self.features.rows(source, part))
                    for part in parts
                ]
            )


def _fitted(dataset: Dataset, objective: Objective) -> _Fitted:
    train, held = dataset.splits["train"], dataset.splits.get("validation")
    used = _evenly(train)
    features = features_of(train, used)
    family = FAMILIES[objective.info.label_kind, features.is_sparse]
    examples = _examples(features, train, used)
    validation = None
    if held is not None:
        validation = _examples(features, held, _evenly(held))
    outputs = max(len(objective.info.label_names), 1)
    chosen = choose(family, examples, validation, outputs)
    strength = family.default if chosen is None else chosen
    text = f"{family.name} on {features.name}, {family.setting}={strength:g}"
    if chosen is None:
        text += " (too few examples to choose it)"
    if len(used) < len(train):
        text += f", on {len(used):,} of {len(train):,} training examples"
    model = family.fit(*examples, outputs, strength)
    return _Fitted(family, features, model, text)


def _evenly(source: Source) -> np.ndarray:
    """The examples that are used: all, or some at equal distances."""
    most = min(_MOST, max(_MOST_NUMBERS // max(width_of(source), 1), 1))
    count = min(len(source), most)
    return np.arange(count) * len(source) // count


def _examples(
    features: Features, source: Source, indices: np.ndarray
) -> Examples:
    targets = source.labels if source.values is None else source.values
    return Examples(features.rows(source, indices), targets[indices])


def _scored(
    dataset: Dataset, objective: Objective, found: _Fitted
) -> dict[str, Any]:
    """The metrics of the test split, by the objective's own evaluation.

    It is given the scores as inputs, and a model that returns its inputs.
    """
    splits = {
        name: ArraySource(
            found.scores(source),
            source.labels,
            source.hashes,
            "vector",
            values=source.values,
        )
        for name, source in scored_splits(dataset.splits).items()
    }
    scores = Dataset(splits, dataset.label_names)
    width = len(found.model.bias)
    inputs = keras.Input((width,), name="vector")
    outputs = keras.layers.Identity(dtype="float32")(inputs)
    evaluation = objective.evaluate(keras.Model(inputs, outputs), scores)
    metrics = dict(evaluation.metrics["test"])
    return metrics if found.family.has_loss else _of_scores_alone(metrics)


def _of_scores_alone(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves out what is read from probabilities, which scores are not."""
    known = {n: v for n, v in metrics.items() if n not in _OF_PROBABILITIES}
    if "intervals" in known:
        known["intervals"] = _of_scores_alone(known["intervals"])
    return known
