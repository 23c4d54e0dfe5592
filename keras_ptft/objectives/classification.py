"""Supervised classification."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from keras_ptft.data.core.dataset import OUT_OF_SCOPE, Dataset, Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.pipeline.batching import unweighted
from keras_ptft.errors import UserError
from keras_ptft.evaluation.evaluation import (
    SCORED,
    Evaluation,
    most_confident_errors,
)
from keras_ptft.evaluation.measure import measure
from keras_ptft.evaluation.metrics import classifier_metrics
from keras_ptft.evaluation.metrics.classification import class_metrics
from keras_ptft.evaluation.metrics.out_of_scope import (
    confidence,
    out_of_scope,
)
from keras_ptft.models import heads
from keras_ptft.objectives import serving
from keras_ptft.objectives.objective import Answers, Batch, Objective
from keras_ptft.serving.inference.predictor import Predictor
from keras_ptft.serving.inference.results import Prediction
from keras_ptft.serving.signatures.signature import Signature
from keras_ptft.training.forward import outputs_of

_BATCH = 256


class Classification(Objective):
    """One label an example; cross-entropy from logits.

    Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7:
    the target is (1 - s) for the label plus s / classes for every class.

    Args:
        info: what is known of the data; its labels count.
        label_smoothing: s, from 0 to less than 1.

    Raises:
        UserError: label_smoothing out of its range, or no label an example.

    Example:

    >>> objective = Classification(DataInfo(label_names=("a", "b", "c", "d")))
    >>> loss = objective.loss(tf.constant([2]), tf.zeros((1, 4)))
    >>> float(loss[0])  # log(4)
    1.3862943649291992
    """

    servable = True

    def __init__(
        self, info: DataInfo, /, *, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(info)
        if not 0.0 <= label_smoothing < 1.0:
            raise UserError(
                "Setting 'label_smoothing' of objective 'classification' must "
                f"be from 0 to less than 1, got {label_smoothing}."
            )
        if not info.label_names or info.tagged:
            raise UserError(
                "Objective 'classification' needs a label an example, this "
                f"data set has {'a tag a word' if info.tagged else 'none'}: "
                "use --objective="
                f"{'tagging' if info.tagged else 'masked_tokens'}."
            )
        self.label_smoothing = label_smoothing

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Changes nothing: every example weighs 1."""
        return unweighted(inputs, labels, seeds)

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, width) → logits of shape (batch, classes)."""
        return heads.classify(features, len(self.info.label_names))

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the smoothed cross-entropy, in nats."""
        return keras.losses.categorical_crossentropy(
            tf.one_hot(targets, len(self.info.label_names)),
            outputs,
            from_logits=True,
            label_smoothing=self.label_smoothing,
        )

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes the accuracy."""
        return [keras.metrics.SparseCategoricalAccuracy("accuracy")]

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Computes its loss and metrics, those of METRICS, and by class."""
        return self._scored(model, source)[0]

    def evaluate(
        self,
        model: keras.Model,
        dataset: Dataset,
        *,
        reject_below: float = 0.0,
    ) -> Evaluation:
        """Scores each split, and what belongs to no class."""
        splits = dataset.splits
        scored = {
            name: self._scored(model, splits[name])
            for name in SCORED
            if name in splits
        }
        logits = {name: rows for name, (_, rows) in scored.items()}
        found = None
        if OUT_OF_SCOPE in splits:
            sure = {name: confidence(rows) for name, rows in logits.items()}
            unknown = confidence(outputs_of(model, splits[OUT_OF_SCOPE]))
            found = out_of_scope(
                sure["test"],
                unknown,
                sure.get("validation"),
                reject_below=reject_below,
            )
        return Evaluation(
            {name: metrics for name, (metrics, _) in scored.items()},
            self.titles,
            out_of_scope=found,
            mistakes=most_confident_errors(
                splits["test"], logits["test"], self.info.label_names
            ),
        )

    def signatures(self, model: keras.Model, source: Source) -> list[Signature]:
        """Returns signatures that answer with probabilities and logits."""
        return serving.signatures(model, self.info, source)

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

    def _scored(
        self, model: keras.Model, source: Source
    ) -> tuple[dict[str, Any], np.ndarray]:
        """The metrics of a split, and the logits they were computed from."""
        found, kept = measure(
            model, self, source, _logits_of, batch_size=_BATCH
        )
        labels, logits = source.labels, kept["logits"]
        found |= classifier_metrics(labels, logits)
        found |= class_metrics(
            labels, logits.argmax(axis=1), self.info.label_names
        )
        return found, logits


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """Computes weights by which every class counts alike.

    They are n / (classes * count of the class).

    Args:
        labels: of the training split, each class at least once.

    Returns:
        float32 array of shape (classes,), with mean 1 over the examples.

    Example:

    >>> balanced_weights(np.array([0, 0, 0, 1])).tolist()
    [0.6666666865348816, 2.0]
    """
    classes = np.unique(labels)
    weights = compute_class_weight("balanced", classes=classes, y=labels)
    return weights.astype(np.float32)


def _logits_of(targets: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
    del targets
    return {"logits": outputs}
