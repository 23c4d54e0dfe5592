"""Each token of contiguous text, predicted from those before it."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.objectives import token_losses, words
from keras_ptft.objectives.objective import Batch
from keras_ptft.objectives.token_prediction import TokenPrediction
from keras_ptft.serving.generation.generate import generate
from keras_ptft.serving.generation.sampling import Sampling
from keras_ptft.serving.inference.results import Generated


class NextToken(TokenPrediction):
    """Causal language model (Bengio et al. 2003).

    "A Neural Probabilistic Language Model". Examples are windows of
    contiguous text, one token longer than a sequence; the loss is nats per
    token. Unknown words count, as in published perplexities.

    Args:
        info: texts; their vocabulary is predicted.

    Raises:
        UserError: no texts.
    """

    windows = True
    causal = True

    def __init__(self, info: DataInfo, /) -> None:
        super().__init__(info)
        words.check_is_text(info, "next_token")

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
