"""What objectives that predict tokens of a vocabulary have in common."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.models import heads
from keras_ptft.objectives import token_losses, words
from keras_ptft.objectives.objective import Objective


class TokenPrediction(Objective):
    """Logits of the vocabulary, their cross-entropy and the perplexity.

    A subclass says in `transform` which tokens are predicted.
    """

    feature_layer = "sequence"
    changes_inputs = True
    titles = words.TITLES

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, tokens, width) → logits (batch, tokens, vocabulary)."""
        return heads.classify(features, len(self.info.vocabulary))

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the mean cross-entropy a predicted token, in nats."""
        return token_losses.cross_entropy(targets, outputs)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes the accuracy over the predicted tokens."""
        return words.metrics()

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Computes loss, accuracy and perplexity."""
        return words.with_perplexity(super().score(model, source))
