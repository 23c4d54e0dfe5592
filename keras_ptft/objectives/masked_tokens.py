"""Words left out of a text, predicted from the words around them."""

import keras
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.tokenizers import MASK
from keras_ptft.errors import UserError
from keras_ptft.models import heads
from keras_ptft.models.feature_model import feature_model
from keras_ptft.models.tokens import numbered
from keras_ptft.objectives import token_losses, words
from keras_ptft.objectives.objective import Batch
from keras_ptft.objectives.token_prediction import TokenPrediction

# random numbers a token: is it chosen, what becomes of it, which other word
_NUMBERS = 3


class MaskedTokens(TokenPrediction):
    """Predicts masked words (Devlin et al. 2019, "BERT", section 3.1).

    A part of the words of a text, at least one, is chosen anew in each epoch.
    A chosen word becomes the mask (80 %), any other word (10 %) or stays
    (10 %); the loss counts the chosen ones. Unknown words are never chosen.

    The model has two inputs: "tokens", and their "masked_positions".
    Logits are computed at those positions alone, which with 15 % masked is a
    sixth of the work.

    Where the backbone's vectors of words are as wide as its features, they
    are also what predicts words, behind a dense layer as in BERT: little is
    new then where the pretraining of a known model goes on. Otherwise a
    dense layer predicts them.

    Args:
        info: texts; their vocabulary is predicted.
        rate: fraction of the words that is chosen, between 0 and 1.
        tied: whether the backbone's vectors may predict words.

    Raises:
        UserError: no texts, or rate out of its range.
    """

    extra_inputs = ("masked_positions",)

    def __init__(
        self, info: DataInfo, /, *, rate: float = 0.15, tied: bool = True
    ) -> None:
        super().__init__(info)
        words.check_is_text(info, "masked_tokens")
        if not 0.0 < rate < 1.0:
            raise UserError(
                "Setting 'rate' of objective 'masked_tokens' must be between "
                f"0 and 1, got {rate}."
            )
        self.rate, self.tied = rate, tied

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Masks words; the targets are the words that were there."""
        del labels
        length = self.info.sequence_length
        known = words.known(inputs)
        shape = tf.shape(known)
        numbers = draw(seeds, _NUMBERS * shape[1], _NUMBERS * length)
        numbers = tf.reshape(numbers, [shape[0], shape[1], _NUMBERS])
        chosen = _chosen(numbers[..., 0], known >= 0, self.rate)
        size = len(self.info.vocabulary)
        replaced = _replaced(known, numbers[..., 1], numbers[..., 2], size)
        changed = words.put(inputs, chosen & (replaced >= 0), replaced)
        # one slot for this many tokens is never too few
        slots = _slots(chosen, int(1 / self.rate))
        positions = tf.maximum(slots, 0)
        targets = tf.gather(known, positions, batch_dims=1)
        targets = tf.where(slots >= 0, targets, -1)
        full = max(1.0, round(self.rate * length))
        weights = token_losses.token_weights(targets, full)
        return (
            {"tokens": changed, "masked_positions": positions},
            targets,
            weights,
        )

    def assemble(self, backbone: keras.Model) -> keras.Model:
        """Attaches the head to the features at the chosen positions."""
        positions = keras.Input((None,), dtype="int32", name="masked_positions")
        features = feature_model(backbone, self.feature_layer).outputs[0]
        index = keras.ops.expand_dims(positions, -1)
        chosen = keras.ops.take_along_axis(features, index, axis=1)
        table = _table(backbone, features.shape[-1]) if self.tied else None
        if table is None:
            logits = self.head(chosen)
        else:
            logits = heads.tied(chosen, table, len(self.info.vocabulary))
        inputs = {"tokens": backbone.inputs[0], "masked_positions": positions}
        model = keras.Model(inputs, logits, name="model")
        return numbered(model, backbone)


def _table(backbone: keras.Model, width: int) -> keras.layers.Embedding | None:
    """The backbone's vectors of tokens, if they have this width."""
    for layer in backbone.layers:
        is_table = isinstance(layer, keras.layers.Embedding)
        if is_table and layer.name == "embedding_table":
            return layer if layer.output_dim == width else None
    return None


def _chosen(
    numbers: tf.Tensor, candidates: tf.Tensor, rate: float
) -> tf.Tensor:
    """The candidates with the smallest numbers, rate of them, at least 1."""
    ranked = tf.where(candidates, numbers, 2.0)
    order = tf.argsort(ranked, stable=True)
    rank = tf.argsort(order)
    count = tf.reduce_sum(tf.cast(candidates, tf.int32), 1, keepdims=True)
    wanted = tf.round(tf.cast(count, tf.float32) * rate)
    wanted = tf.maximum(tf.cast(wanted, tf.int32), 1)
    return (rank < wanted) & candidates


def _replaced(
    known: tf.Tensor, action: tf.Tensor, other: tf.Tensor, size: int
) -> tf.Tensor:
    """What replaces each word; -1: the word itself."""
    ordinary = size - words.SPECIALS
    drawn = words.SPECIALS + tf.cast(other * float(ordinary), tf.int32)
    instead = tf.where(action < 0.8, MASK, drawn)
    return tf.where(action < 0.9, instead, -tf.ones_like(known))


def _slots(chosen: tf.Tensor, spacing: int) -> tf.Tensor:
    """Positions of the chosen, from the left, then -1: one for `spacing`."""
    count = -(-tf.shape(chosen)[1] // spacing)
    order = tf.argsort(tf.cast(~chosen, tf.int32), stable=True)[:, :count]
    taken = tf.gather(chosen, order, batch_dims=1)
    return tf.where(taken, order, -1)
