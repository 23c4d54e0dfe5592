"""Numbers that are predicted."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import NUMBERS
from keras_ptft.data.pipeline.batching import unweighted
from keras_ptft.errors import UserError, check_range
from keras_ptft.evaluation.estimates import Estimates
from keras_ptft.evaluation.evaluation import Evaluation, scored_splits
from keras_ptft.evaluation.measure import measure
from keras_ptft.evaluation.metrics.regression import regression_metrics
from keras_ptft.models import heads
from keras_ptft.objectives import serving
from keras_ptft.objectives.linear_head import (
    Probe,
    Rows,
    Solution,
    solve_layer,
)
from keras_ptft.objectives.objective import Answers, Batch, Objective
from keras_ptft.serving.inference.predictor import Predictor
from keras_ptft.serving.inference.results import Estimate
from keras_ptft.serving.signatures.examples import regression_of
from keras_ptft.serving.signatures.intake import DEFAULT_INTAKE, Intake
from keras_ptft.serving.signatures.signature import (
    ServingFn,
    Signature,
    Tensors,
)

_BATCH = 256


class Regression(Objective):
    """A number an example, in the units of the data.

    The head adds the mean of the training targets and multiplies by their
    standard deviation, and the loss is of errors in standard deviations. So
    a learning rate suits prices as it suits fractions.

    Args:
        info: what is known of the data; its target counts.
        loss: of an error: "mse", its square; "mae", its size; or "huber"
            (Huber 1964), half the square up to `delta`, beyond linear.
        delta: of "huber", in standard deviations.

    Raises:
        UserError: data without numbers, or with the same for all examples,
            or no such loss.

    Example:

    >>> from keras_ptft.data.core.targets import Target
    >>> info = DataInfo(label_kind=NUMBERS, target=Target(mean=5.0, std=2.0))
    >>> float(Regression(info).loss(tf.constant([[9.0]]), [[5.0]])[0])
    4.0
    """

    label_kind = NUMBERS
    needs_labels = True
    servable = True
    probe = "ridge"
    solved_for: ClassVar[Mapping[str, Any]] = {"loss": "mse"}

    def __init__(
        self, info: DataInfo, /, *, loss: str = "mse", delta: float = 1.0
    ) -> None:
        super().__init__(info)
        if loss not in _LOSSES:
            raise UserError(
                "Setting 'loss' of objective 'regression' must be one of "
                f"{', '.join(_LOSSES)}, got {loss!r}."
            )
        check_range("delta", delta, 1e-6)
        if info.label_kind != NUMBERS:
            raise UserError(
                "Objective 'regression' needs a number an example, this data "
                f"set has {info.label_kind}: use another objective."
            )
        if not info.target.std:
            raise UserError(
                "Objective 'regression' needs training examples of different "
                f"numbers, got {info.target.mean:g} alone: add some."
            )
        self._loss, self._delta = _LOSSES[loss], delta
        self.titles = {"loss": f"loss ({loss}, standardised)"}

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Makes the targets a column: every example weighs 1."""
        return unweighted(inputs, tf.reshape(labels, [-1, 1]), seeds)

    def soft_targets(self, labels: tf.Tensor) -> tf.Tensor:
        """Returns the labels, which can be blended as they are."""
        return labels

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, width) → numbers in the units of the data, (batch, 1)."""
        target = self.info.target
        return heads.estimate(features, mean=target.mean, std=target.std)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the loss of errors in standard deviations."""
        errors = (outputs - targets)[:, 0] / self.info.target.std
        return self._loss(errors, self._delta)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes the errors in the units of the data."""
        return [
            keras.metrics.MeanAbsoluteError("mae"),
            keras.metrics.RootMeanSquaredError("rmse"),
        ]

    def solve(
        self, head: keras.Model, probe: Probe, rows: Mapping[str, Rows]
    ) -> Solution:
        """Sets the weights of the standardised number to what a probe finds."""
        mean, std = self.info.target.mean, self.info.target.std
        standardised = {
            name: dataclasses.replace(
                part, targets=(part.targets.astype(np.float64) - mean) / std
            )
            for name, part in rows.items()
        }
        return solve_layer(head, "standardised", probe, standardised)

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Computes the loss, and how far the numbers are from the true."""
        return self._scored(model, source)[0]

    def evaluate(
        self,
        model: keras.Model,
        dataset: Dataset,
        *,
        reject_below: float = 0.0,
    ) -> Evaluation:
        """Scores each split, and finds the worst of the test examples."""
        del reject_below
        scored = {
            name: self._scored(model, source)
            for name, source in scored_splits(dataset.splits).items()
        }
        true, predicted = scored["test"][1:]
        return Evaluation(
            {name: metrics for name, (metrics, *_) in scored.items()},
            self.titles,
            answers=predicted[:, None],
            estimates=Estimates(self.info.target.name, true, predicted),
        )

    def signatures(
        self,
        model: keras.Model,
        source: Source,
        intake: Intake = DEFAULT_INTAKE,
    ) -> list[Signature]:
        """Returns signatures that answer with `value`."""
        return serving.answer_signatures(
            model,
            self.info,
            source,
            _value_of(model),
            intake=intake,
            replies={"regress": regression_of},
        )

    def score_answers(
        self, answers: Answers, source: Source
    ) -> dict[str, float]:
        """Computes R² and the mean absolute error."""
        true = source.targets(tf.range(len(source), dtype=tf.int64)).numpy()
        found = regression_metrics(true, answers["value"])
        # all true numbers may be the same
        return {k: found[k] for k in ("r2", "mae") if "r2" in found}

    def predictor(self, loaded: keras.Model | Predictor) -> Predictor:
        """Returns what answers with `value`."""
        return serving.answer_predictor(loaded, self.info, _value_of)

    def decode(
        self, names: Sequence[str], answers: Answers, reject_below: float
    ) -> list[Estimate]:
        """Names the number of each example.

        Raises:
            UserError: reject_below is set.
        """
        if reject_below:
            raise UserError(
                "The model predicts numbers, --reject_below is for labels: "
                "leave it out."
            )
        rows = zip(names, answers["value"].tolist(), strict=True)
        return [Estimate(name, value) for name, value in rows]

    def _scored(
        self, model: keras.Model, source: Source
    ) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
        """The metrics of a split, and the numbers they were computed from."""
        found, kept = measure(
            model, self, source, _numbers_of, batch_size=_BATCH
        )
        true, predicted = kept["true"][:, 0], kept["predicted"][:, 0]
        return found | regression_metrics(true, predicted), true, predicted


def _mse(errors: tf.Tensor, delta: float) -> tf.Tensor:
    del delta
    return tf.square(errors)


def _mae(errors: tf.Tensor, delta: float) -> tf.Tensor:
    del delta
    return tf.abs(errors)


def _huber(errors: tf.Tensor, delta: float) -> tf.Tensor:
    sizes = tf.abs(errors)
    near = tf.square(errors) / 2
    return tf.where(sizes <= delta, near, delta * (sizes - delta / 2))


_LOSSES: dict[str, Callable[[tf.Tensor, float], tf.Tensor]] = {
    "mse": _mse,
    "mae": _mae,
    "huber": _huber,
}


def _value_of(model: keras.Model) -> ServingFn:
    def value(inputs: Any) -> Tensors:
        found = tf.cast(model(inputs, training=False), tf.float32)
        return {"value": found[:, 0]}

    return value


def _numbers_of(targets: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"true": targets, "predicted": outputs}
