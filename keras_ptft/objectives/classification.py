"""Supervised classification."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from keras_ptft.data.core.dataset import OUT_OF_SCOPE, Dataset, Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import CLASSES, NUMBERS, SETS
from keras_ptft.data.pipeline.batching import unweighted
from keras_ptft.errors import UserError, check_range
from keras_ptft.evaluation.evaluation import Evaluation, scored_splits
from keras_ptft.evaluation.measure import measure
from keras_ptft.evaluation.metrics import classifier_metrics
from keras_ptft.evaluation.metrics.calibration import (
    best_temperature,
    calibration,
    rescaled,
)
from keras_ptft.evaluation.metrics.classification import (
    accuracy,
    class_metrics,
)
from keras_ptft.evaluation.metrics.out_of_scope import (
    confidence,
    out_of_scope,
)
from keras_ptft.evaluation.predictions import Predictions
from keras_ptft.models import heads
from keras_ptft.objectives import serving
from keras_ptft.objectives.linear_head import (
    Probe,
    Rows,
    Solution,
    solve_layer,
)
from keras_ptft.objectives.objective import Answers, Batch, Objective
from keras_ptft.objectives.positive import Positive
from keras_ptft.objectives.scored import Chosen, Scored, tempered
from keras_ptft.serving.inference.predictor import Predictor
from keras_ptft.serving.inference.results import Prediction
from keras_ptft.serving.signatures.intake import DEFAULT_INTAKE, Intake
from keras_ptft.serving.signatures.signature import Signature
from keras_ptft.training.forward import outputs_of

_BATCH = 256
_LEAST = 1e-7


class Classification(Objective):
    """One label an example; cross-entropy from logits.

    Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7:
    the target is (1 - s) for the label plus s / classes for every class.
    Lin et al. 2017, "Focal Loss for Dense Object Detection": each term of
    the cross-entropy is multiplied by (1 - p) to a power, with p the
    probability of its class, so that examples which are classified well
    count less.

    With --calibrate, logits are divided by a temperature before they become
    probabilities, here and in exports; the logits of an answer stay as they
    are.

    Args:
        info: what is known of the data; its labels count.
        label_smoothing: s, from 0 to less than 1.
        focal: the power, as 2.0; 0: plain cross-entropy.
        positive: of two classes the one that is looked for, which threshold
            metrics are about; empty: the second.

    Raises:
        UserError: a setting out of its range, or no label an example.

    Example:

    >>> objective = Classification(DataInfo(label_names=("a", "b", "c", "d")))
    >>> loss = objective.loss(tf.constant([2]), tf.zeros((1, 4)))
    >>> float(loss[0])  # log(4)
    1.3862943649291992
    """

    needs_labels = True
    servable = True
    calibrates = True
    probe = "lbfgs"
    solved_for: ClassVar[Mapping[str, Any]] = {
        "label_smoothing": 0.0,
        "focal": 0.0,
    }

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        label_smoothing: float = 0.0,
        focal: float = 0.0,
        positive: str = "",
    ) -> None:
        super().__init__(info)
        if not 0.0 <= label_smoothing < 1.0:
            raise UserError(
                "Setting 'label_smoothing' of objective 'classification' must "
                f"be from 0 to less than 1, got {label_smoothing}."
            )
        check_range("focal", focal, 0, 10)
        _check_classes(info)
        self.label_smoothing, self.focal = label_smoothing, focal
        self._positive = Positive(info.label_names, positive)

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Changes nothing: every example weighs 1."""
        return unweighted(inputs, labels, seeds)

    def soft_targets(self, labels: tf.Tensor) -> tf.Tensor:
        """Returns shares of the classes, of shape (batch, classes)."""
        if labels.dtype.is_floating:
            return labels
        return tf.one_hot(labels, len(self.info.label_names))

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, width) → logits of shape (batch, classes)."""
        return heads.classify(features, len(self.info.label_names))

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the smoothed cross-entropy, in nats, or the focal loss."""
        if self.focal:
            return self._focal_loss(self.soft_targets(targets), outputs)
        return keras.losses.categorical_crossentropy(
            self.soft_targets(targets),
            outputs,
            from_logits=True,
            label_smoothing=self.label_smoothing,
        )

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes the accuracy: of mixed labels the share that is predicted."""
        return [keras.metrics.MeanMetricWrapper(self._hits, name="accuracy")]

    def solve(
        self, head: keras.Model, probe: Probe, rows: Mapping[str, Rows]
    ) -> Solution:
        """Sets the weights of the logits to what a probe finds."""
        names = self.info.label_names
        counts = np.bincount(rows["train"].targets, minlength=len(names))
        if not counts.all():
            raise UserError(
                "A probe needs a training example of every class, and "
                f"{names[counts.argmin()]!r} has none: add some, or leave "
                "that class out by --classes."
            )
        return solve_layer(head, "logits", probe, rows)

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Computes its loss and metrics, those of METRICS, and by class."""
        return self._judged(self._scored(model, source), Chosen()).metrics

    def score_again(
        self,
        model: keras.Model,
        source: Source,
        before: Mapping[str, Any],
        recalled: Any = None,
    ) -> dict[str, Any]:
        """Scores with the threshold and temperature that were chosen."""
        del recalled
        scored = self._scored(model, source)
        return self._judged(scored, Chosen.of(before)).metrics

    def score_splits(
        self, model: keras.Model, dataset: Dataset
    ) -> dict[str, dict[str, Any]]:
        """Scores the splits with what is chosen on "validation"."""
        found = self._scored_splits(model, dataset)
        return {name: part.metrics for name, part in found.items()}

    def evaluate(
        self,
        model: keras.Model,
        dataset: Dataset,
        *,
        reject_below: float = 0.0,
    ) -> Evaluation:
        """Scores each split, and what belongs to no class."""
        splits = dataset.splits
        scored = self._scored_splits(model, dataset)
        logits = {name: part.answered for name, part in scored.items()}
        found = None
        if OUT_OF_SCOPE in splits:
            sure = {name: confidence(rows) for name, rows in logits.items()}
            outputs = outputs_of(model, splits[OUT_OF_SCOPE])
            unknown = confidence(tempered(outputs, self.info.temperature))
            found = out_of_scope(
                sure["test"],
                unknown,
                sure.get("validation"),
                reject_below=reject_below,
            )
        return Evaluation(
            {name: part.metrics for name, part in scored.items()},
            self.titles,
            out_of_scope=found,
            answers=logits["test"],
            predictions={
                name: Predictions(part.logits, part.labels, splits[name].hashes)
                for name, part in scored.items()
            },
        )

    def fit_temperature(
        self, model: keras.Model, source: Source
    ) -> float | None:
        """Fits the temperature; None where every example is right."""
        return best_temperature(source.labels, outputs_of(model, source))

    def signatures(
        self,
        model: keras.Model,
        source: Source,
        intake: Intake = DEFAULT_INTAKE,
    ) -> list[Signature]:
        """Returns signatures that answer with labels and probabilities."""
        return serving.signatures(model, self.info, source, intake)

    def score_answers(
        self, answers: Answers, source: Source
    ) -> dict[str, float]:
        """Computes the accuracy."""
        return {"accuracy": accuracy(source.labels, answers["probabilities"])}

    def predictor(self, loaded: keras.Model | Predictor) -> Predictor:
        """Returns what answers with probabilities."""
        return serving.predictor(loaded, self.info)

    def decode(
        self, names: Sequence[str], answers: Answers, reject_below: float
    ) -> list[Prediction]:
        """Names the most probable class of each example."""
        probabilities, labels = answers["probabilities"], self.info.label_names
        serving.check_label_count(labels, probabilities.shape[-1])
        best = probabilities.argmax(axis=1)
        return [
            Prediction(
                name,
                labels[index] if row[index] >= reject_below else "",
                float(row[index]),
            )
            for name, index, row in zip(names, best, probabilities, strict=True)
        ]

    def _hits(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        predicted = tf.argmax(outputs, axis=1)
        return tf.gather(self.soft_targets(targets), predicted, batch_dims=1)

    def _focal_loss(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        classes = len(self.info.label_names)
        smoothed = targets * (1 - self.label_smoothing)
        smoothed += self.label_smoothing / classes
        log_shares = tf.nn.log_softmax(logits)
        # the slope of a power is infinite at 0
        missing = tf.maximum(-tf.math.expm1(log_shares), _LEAST)
        terms = smoothed * missing**self.focal * log_shares
        return -tf.reduce_sum(terms, axis=-1)

    def _scored_splits(
        self, model: keras.Model, dataset: Dataset
    ) -> dict[str, Scored]:
        scored = {
            name: self._scored(model, source)
            for name, source in scored_splits(dataset.splits).items()
        }
        chosen = Chosen()
        if validation := scored.get("validation"):
            chosen = Chosen(
                self._untold_temperature(validation),
                self._positive.best_threshold(validation),
            )
            self._add_threshold(validation, chosen)
        self._judged(scored["test"], chosen)
        return scored

    def _scored(self, model: keras.Model, source: Source) -> Scored:
        found, kept = measure(
            model, self, source, self._kept, batch_size=_BATCH
        )
        scored = Scored(
            found,
            source.labels,
            kept["logits"],
            kept["losses"],
            self.info.temperature,
        )
        labels, answered = scored.labels, scored.answered
        found |= classifier_metrics(labels, answered)
        found |= class_metrics(
            labels, scored.logits.argmax(axis=1), self.info.label_names
        )
        found |= self._positive.metrics(labels, answered)
        return scored

    def _judged(self, test: Scored, chosen: Chosen) -> Scored:
        """Adds what is told of a test split alone."""
        self._add_threshold(test, chosen)
        test.metrics["intervals"] = {
            **test.intervals(),
            **self._positive.intervals(test),
        }
        told = calibration(test.labels, test.answered, chosen.temperature)
        if test.temperature != 1:
            told["applied"] = rescaled(
                test.labels, test.logits, test.temperature
            )
        test.metrics["calibration"] = told
        return test

    def _untold_temperature(self, validation: Scored) -> float | None:
        """What a temperature would do, where none is applied."""
        if validation.temperature != 1:
            return None
        return best_temperature(validation.labels, validation.logits)

    def _add_threshold(self, scored: Scored, chosen: Chosen) -> None:
        if chosen.threshold is not None:
            self._positive.add_threshold(scored, chosen.threshold)

    def _kept(
        self, targets: tf.Tensor, outputs: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        return {"logits": outputs, "losses": self.loss(targets, outputs)}


def _check_classes(info: DataInfo) -> None:
    """Refuses data whose examples have not one class each."""
    others = {
        NUMBERS: ("numbers", "regression"),
        SETS: ("sets of labels", "multi_label"),
    }
    without = "masked_tokens" if info.is_text else "contrastive"
    found, instead = others.get(info.label_kind, ("none", without))
    if info.tagged:
        found, instead = "a tag a word", "tagging"
    elif info.label_names and info.label_kind == CLASSES:
        return
    raise UserError(
        "Objective 'classification' needs a label an example, this data set "
        f"has {found}: use --objective={instead}."
    )


def balanced_weights(labels: np.ndarray, classes: int = 0) -> np.ndarray:
    """Computes weights by which every class counts alike.

    They are n / (classes * count of the class).

    Args:
        labels: of the training split.
        classes: how many there are; 0: as many as the labels say.

    Returns:
        float32 array of shape (classes,), with mean 1 over the examples; 0
        for a class that has none.

    Example:

    >>> balanced_weights(np.array([0, 0, 0, 1])).tolist()
    [0.6666666865348816, 2.0]
    """
    present = np.unique(labels)
    weights = np.zeros(max(classes, present[-1] + 1), np.float32)
    weights[present] = compute_class_weight(
        "balanced", classes=present, y=labels
    )
    return weights
