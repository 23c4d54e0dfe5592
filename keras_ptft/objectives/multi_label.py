"""Sets of labels."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit

from keras_ptft.data.core.dataset import Dataset, Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import SETS
from keras_ptft.data.pipeline.batching import unweighted
from keras_ptft.errors import UserError, check_range
from keras_ptft.evaluation.evaluation import Evaluation, scored_splits
from keras_ptft.evaluation.measure import measure
from keras_ptft.evaluation.metrics.multi_label import (
    DEFAULT,
    best_thresholds,
    rates,
    set_metrics,
)
from keras_ptft.models import heads
from keras_ptft.objectives import serving
from keras_ptft.objectives.linear_head import (
    Probe,
    Rows,
    Solution,
    solve_layer,
)
from keras_ptft.objectives.micro_f1 import MicroF1
from keras_ptft.objectives.objective import Answers, Batch, Objective
from keras_ptft.serving.inference.predictor import Predictor
from keras_ptft.serving.inference.results import LabelSet
from keras_ptft.serving.signatures.examples import classes_of
from keras_ptft.serving.signatures.intake import DEFAULT_INTAKE, Intake
from keras_ptft.serving.signatures.signature import (
    Arrays,
    ServingFn,
    Signature,
    Tensors,
)

_LOG = logging.getLogger("keras_ptft")

_BATCH = 256
# probabilities closer than this to their threshold may cross it by rounding
_TIE = 1e-5


class _Measured(NamedTuple):
    """The loss of a split, its sets, and the logit of each label."""

    found: dict[str, Any]
    true: np.ndarray
    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        return expit(self.logits)


class MultiLabel(Objective):
    """Any of several labels an example, or none; a probability for each.

    The loss is the mean over the labels of the cross-entropy from sigmoids.

    Args:
        info: what is known of the data; its labels count.
        threshold: probability from which a label is given; 0: for each
            label the one with the highest F1 on the validation split, or 0.5
            without such a split.

    Raises:
        UserError: data without sets of labels, or a threshold out of range.

    Example:

    >>> info = DataInfo(label_names=("even", "prime"), label_kind=SETS)
    >>> loss = MultiLabel(info).loss(tf.ones((1, 2)), tf.zeros((1, 2)))
    >>> float(loss[0])  # log(2)
    0.6931471824645996
    """

    label_kind = SETS
    needs_labels = True
    servable = True
    probe = "lbfgs"

    def __init__(self, info: DataInfo, /, *, threshold: float = 0.0) -> None:
        super().__init__(info)
        check_range("threshold", threshold, 0, 1)
        if info.label_kind != SETS or not info.label_names:
            raise UserError(
                "Objective 'multi_label' needs a set of labels an example, "
                f"this data set has {info.label_kind}: use another objective."
            )
        self._threshold = threshold
        labels = len(info.label_names)
        same = np.full(labels, threshold or DEFAULT, np.float32)
        chosen = np.array(info.thresholds, np.float32)
        self._thresholds = chosen if len(chosen) else same

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Changes nothing: every example weighs 1."""
        return unweighted(inputs, labels, seeds)

    def soft_targets(self, labels: tf.Tensor) -> tf.Tensor:
        """Returns the labels, which can be blended as they are."""
        return labels

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, width) → logits of shape (batch, labels)."""
        return heads.classify(features, len(self.info.label_names))

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the mean cross-entropy a label, in nats."""
        losses = tf.nn.sigmoid_cross_entropy_with_logits(
            tf.cast(targets, outputs.dtype), outputs
        )
        return tf.reduce_mean(losses, axis=-1)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes the micro F1 of labels that are likelier than not."""
        return [MicroF1()]

    def solve(
        self, head: keras.Model, probe: Probe, rows: Mapping[str, Rows]
    ) -> Solution:
        """Sets the weights of the logits to what a probe finds."""
        found = solve_layer(head, "logits", probe, rows)
        given = rows["train"].targets
        for index in np.flatnonzero((given == given[0]).all(axis=0)):
            _LOG.warning(
                "Label %r: %s of the training examples has it, so the answer "
                "is the same for all inputs.",
                self.info.label_names[index],
                "each" if given[0, index] else "none",
            )
        return found

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Computes the loss, and how well sets and each label are found."""
        return self._judged(self._measured(model, source), self._thresholds)

    def score_splits(
        self, model: keras.Model, dataset: Dataset
    ) -> dict[str, dict[str, Any]]:
        """Scores the splits with thresholds chosen on "validation"."""
        return self._scored(self._measured_splits(model, dataset))[0]

    def evaluate(
        self,
        model: keras.Model,
        dataset: Dataset,
        *,
        reject_below: float = 0.0,
    ) -> Evaluation:
        """Chooses the thresholds and scores each split with them."""
        del reject_below
        measured = self._measured_splits(model, dataset)
        found, chosen = self._scored(measured)
        return Evaluation(
            found,
            self.titles,
            answers=measured["test"].logits,
            thresholds=chosen,
        )

    def signatures(
        self,
        model: keras.Model,
        source: Source,
        intake: Intake = DEFAULT_INTAKE,
    ) -> list[Signature]:
        """Returns signatures that answer with probabilities and labels."""
        serving.check_label_count(self.info.label_names, model.output_shape[-1])
        return serving.answer_signatures(
            model,
            self.info,
            source,
            self._answer(model),
            intake=intake,
            is_unsure=self._is_unsure,
            replies={"classify": classes_of(self.info.label_names)},
        )

    def score_answers(
        self, answers: Answers, source: Source
    ) -> dict[str, float]:
        """Computes the micro F1 of the labels that are given."""
        true = source.targets(tf.range(len(source), dtype=tf.int64)).numpy()
        return {"f1_micro": rates(true > 0, answers["chosen"])[2]}

    def predictor(self, loaded: keras.Model | Predictor) -> Predictor:
        """Returns what answers with probabilities and labels."""
        return serving.answer_predictor(loaded, self.info, self._answer)

    def decode(
        self, names: Sequence[str], answers: Answers, reject_below: float
    ) -> list[LabelSet]:
        """Names the labels of each example, and every probability."""
        probabilities, labels = answers["probabilities"], self.info.label_names
        serving.check_label_count(labels, probabilities.shape[-1])
        given = answers["chosen"] & (probabilities >= reject_below)
        return [
            LabelSet(
                name,
                tuple(labels[index] for index in np.flatnonzero(chosen)),
                dict(zip(labels, row.tolist(), strict=True)),
            )
            for name, chosen, row in zip(
                names, given, probabilities, strict=True
            )
        ]

    def _measured_splits(
        self, model: keras.Model, dataset: Dataset
    ) -> dict[str, _Measured]:
        return {
            name: self._measured(model, source)
            for name, source in scored_splits(dataset.splits).items()
        }

    def _scored(
        self, measured: Mapping[str, _Measured]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
        """The metrics of each split, and the thresholds that were chosen."""
        thresholds, chosen = self._thresholds, {}
        if "validation" in measured and not self._threshold:
            validation = measured["validation"]
            thresholds = best_thresholds(
                validation.true, validation.probabilities
            )
            named = zip(self.info.label_names, thresholds.tolist(), strict=True)
            chosen = dict(named)
        found = {
            name: self._judged(part, thresholds)
            for name, part in measured.items()
        }
        return found, chosen

    def _measured(self, model: keras.Model, source: Source) -> _Measured:
        found, kept = measure(model, self, source, _kept, batch_size=_BATCH)
        return _Measured(found, kept["true"], kept["logits"])

    def _judged(
        self, measured: _Measured, thresholds: np.ndarray
    ) -> dict[str, Any]:
        return measured.found | set_metrics(
            measured.true,
            measured.probabilities,
            thresholds,
            self.info.label_names,
        )

    def _answer(self, model: keras.Model) -> ServingFn:
        names, with_names = self.info.label_names, self.info.is_text

        def answer(inputs: Any) -> Tensors:
            logits = tf.cast(model(inputs, training=False), tf.float32)
            probabilities = tf.sigmoid(logits)
            chosen = probabilities >= self._thresholds
            found = {
                "logits": logits,
                "probabilities": probabilities,
                "chosen": chosen,
            }
            # a client of images knows no strings, and may run elsewhere
            if with_names:
                found["labels"] = _names_first(chosen, names)
            return found

        return answer

    def _is_unsure(self, outputs: Arrays) -> np.ndarray:
        distance = np.abs(outputs["probabilities"] - self._thresholds)
        return np.any(distance <= _TIE, axis=1)


def _names_first(chosen: tf.Tensor, names: Sequence[str]) -> tf.Tensor:
    """The names of the chosen labels, then empty strings, (batch, labels)."""
    order = tf.argsort(tf.cast(~chosen, tf.int32), axis=1, stable=True)
    there = tf.gather(chosen, order, batch_dims=1)
    return tf.where(there, tf.gather(tf.constant(names), order), "")


def _kept(targets: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"true": targets, "logits": outputs}
