"""Each token of contiguous text, predicted from those before it."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.models import heads
from keras_ptft.objectives import token_losses, words
from keras_ptft.objectives.objective import Batch, Objective, check_is_text
from keras_ptft.serving.generation.generate import generate
from keras_ptft.serving.generation.sampling import Sampling
from keras_ptft.serving.inference.results import Generated


class NextToken(Objective):
    """Causal language model (Bengio et al. 2003).

    "A Neural Probabilistic Language Model". Examples are windows of
    contiguous text, one token longer than a sequence; the loss is nats per
    token. Unknown words count, as in published perplexities.

    Args:
        info: texts; their vocabulary is predicted.

    Raises:
        UserError: no texts.
    """

    feature_layer = "sequence"
    windows = True
    causal = True
    changes_inputs = True
    titles = words.TITLES

    def __init__(self, info: DataInfo, /) -> None:
        super().__init__(info)
        check_is_text(info, "next_token", words.SPECIALS)

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Shifts each window by one token."""
        del labels, seeds
        ids = words.first_ids(inputs)[:, 1:]
        targets = tf.where(ids > 0, ids, -1)
        length = self.info.sequence_length
        weights = token_losses.token_weights(targets, length)
        return inputs[:, :-1], targets, weights

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, length, width) → logits (batch, length, vocabulary)."""
        return heads.classify(features, len(self.info.vocabulary))

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the mean cross-entropy a token, in nats."""
        return token_losses.cross_entropy(targets, outputs)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes the accuracy over all tokens."""
        return words.metrics()

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Computes loss, accuracy and perplexity."""
        return words.with_perplexity(super().score(model, source))

    def generate(
        self,
        model: keras.Model,
        inputs: Sequence[str],
        sampling: Sampling,
        text_column: str = "",
    ) -> list[Generated]:
        """Continues texts as the model predicts; see `serving.generation`."""
        return generate(
            model, self.info.text_tokenizer, inputs, sampling, text_column
        )
