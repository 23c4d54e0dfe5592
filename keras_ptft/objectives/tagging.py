"""A label for each token."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.evaluation.measure import measure
from keras_ptft.evaluation.metrics.classification import class_metrics
from keras_ptft.evaluation.metrics.entities import entity_metrics
from keras_ptft.models import heads
from keras_ptft.objectives import serving, token_losses, words
from keras_ptft.objectives.objective import (
    Answers,
    Batch,
    Objective,
)
from keras_ptft.serving.inference.predictor import Predictor
from keras_ptft.serving.inference.results import Prediction, tagged_words
from keras_ptft.serving.signatures.intake import DEFAULT_INTAKE, Intake
from keras_ptft.serving.signatures.signature import Signature

_ENTITY = ("B-", "I-")


class Tagging(Objective):
    """A tag a token; cross-entropy over the tokens that have one.

    Labels are int of shape (batch, length), -1 for a token without a tag;
    padding has none. Every token counts alike, whether its text is short or
    long.

    Args:
        info: texts whose label names are the tags.

    Raises:
        UserError: no texts, or texts without tags.
    """

    feature_layer = "sequence"
    needs_labels = True
    servable = True
    titles = words.TITLES

    def __init__(self, info: DataInfo, /) -> None:
        super().__init__(info)
        words.check_is_text(info, "tagging")
        if not info.tagged:
            raise UserError(
                "Objective 'tagging' needs a tag a token, but the data have "
                "none: choose --dataset=conll:<path>."
            )

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Leaves out the tags of padding; weighs texts by their tokens."""
        del seeds
        real = words.first_ids(inputs) > 0
        targets = tf.where(real, tf.cast(labels, tf.int32), -1)
        length = self.info.sequence_length
        return inputs, targets, token_losses.token_weights(targets, length)

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, length, width) → logits (batch, length, tags)."""
        return heads.classify(features, len(self.info.label_names))

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the mean cross-entropy a token, in nats."""
        return token_losses.cross_entropy(targets, outputs)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes the accuracy over all tokens that have a tag."""
        return words.metrics()

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Computes loss and accuracy by token, and how entities are found.

        Entities are what tags such as B-PER and I-PER are for; other tags,
        such as parts of speech, are classes of tokens.
        """
        found, kept = measure(model, self, source, self._tags_of)
        names = self.info.label_names
        true, predicted = kept["true"], kept["predicted"]
        tagged = true >= 0
        if not any(name.startswith(_ENTITY) for name in names):
            return found | class_metrics(true[tagged], predicted[tagged], names)
        array = np.array(names, object)
        rows = [
            (array[t[has]], array[p[has]])
            for t, p, has in zip(true, predicted, tagged, strict=True)
        ]
        return found | entity_metrics(*zip(*rows, strict=True))

    def signatures(
        self,
        model: keras.Model,
        source: Source,
        intake: Intake = DEFAULT_INTAKE,
    ) -> list[Signature]:
        """Returns signatures that answer with words and their tags."""
        return serving.signatures(model, self.info, source, intake)

    def score_answers(
        self, answers: Answers, source: Source
    ) -> dict[str, float]:
        """Computes the accuracy over all tokens that have a tag."""
        true = source.targets(tf.range(len(source), dtype=tf.int64)).numpy()
        found = answers["logits"].argmax(-1)[:, : true.shape[1]]
        true = true[:, : found.shape[1]]
        return {"accuracy": float(np.mean(found[true >= 0] == true[true >= 0]))}

    def predictor(self, loaded: keras.Model | Predictor) -> Predictor:
        """Returns what answers with words and their tags."""
        return serving.predictor(loaded, self.info)

    def decode(
        self, names: Sequence[str], answers: Answers, reject_below: float
    ) -> list[Prediction]:
        """Writes each text as word/tag; the least probability is given.

        Raises:
            UserError: reject_below is set.
        """
        if reject_below:
            raise UserError(
                "The model tags words, --reject_below is for labels of whole "
                "examples: leave it out."
            )
        return [
            Prediction(
                name,
                " ".join(map(str, tagged)),
                min((word.probability for word in tagged), default=1.0),
            )
            for name, tagged in zip(names, tagged_words(answers), strict=True)
        ]

    def _tags_of(
        self, targets: tf.Tensor, outputs: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """True and predicted tags, padded to the longest text there may be."""
        predicted = tf.argmax(outputs, -1, output_type=targets.dtype)
        missing = self.info.sequence_length - tf.shape(targets)[1]
        padding = [[0, 0], [0, missing]]
        return {
            "true": tf.pad(targets, padding, constant_values=-1),
            "predicted": tf.pad(predicted, padding),
        }
