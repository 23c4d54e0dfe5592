"""Words left out of a text, to be found from the words around them."""

import keras
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.text.tokenizers import MASK
from keras_ptft.errors import UserError
from keras_ptft.models import heads
from keras_ptft.models.feature_model import feature_model
from keras_ptft.models.tokens import numbered
from keras_ptft.objectives import token_losses, words
from keras_ptft.objectives.objective import Objective, Task

# of three numbers a token: whether it is chosen, what then, which other
_NUMBERS = 3


def masked_tokens(task: Task, /, *, rate: float = 0.15) -> Objective:
    """Foretells masked words (Devlin et al. 2019, "BERT", section 3.1).

    Of the words of a text a share is chosen anew in each epoch, one at
    least. A chosen word becomes the mask (80 %), any other word (10 %) or
    stays (10 %); the loss counts the chosen ones. Words that the vocabulary
    does not hold are never chosen.

    The model reads tokens and, as one more number a token, the positions
    that were chosen: logits are computed there alone, for all else would
    be dropped. With 15 % masked that is a sixth of the work.

    Args:
        task: texts; the vocabulary is what is foretold.
        rate: share of the words that is chosen, between 0 and 1.

    Raises:
        UserError: no texts, or rate out of its range.
    """
    words.check(task, "masked_tokens")
    if not 0.0 < rate < 1.0:
        raise UserError(
            "Setting 'rate' of objective 'masked_tokens' must be between 0 "
            f"and 1, got {rate}."
        )
    size, stride = len(task.vocabulary), _NUMBERS * task.sequence_length
    # one slot for this many tokens is never too few
    spacing = int(1 / rate)
    full = max(1.0, round(rate * task.sequence_length))

    def transform(inputs, labels, seeds):
        del labels
        known = words.known(inputs)
        shape = tf.shape(known)
        numbers = draw(seeds, _NUMBERS * shape[1], stride)
        numbers = tf.reshape(numbers, [shape[0], shape[1], _NUMBERS])
        chosen = _chosen(numbers[..., 0], known >= 0, rate)
        replaced = _replaced(known, numbers[..., 1], numbers[..., 2], size)
        changed = words.put(inputs, chosen & (replaced >= 0), replaced)
        slots = _slots(chosen, spacing)
        targets = tf.gather(known, tf.maximum(slots, 0), batch_dims=1)
        targets = tf.where(slots >= 0, targets, -1)
        packed = _pack(changed, tf.maximum(slots, 0), spacing)
        return packed, targets, token_losses.token_weights(targets, full)

    return Objective(
        transform=transform,
        assemble=lambda backbone: _assemble(backbone, spacing, size),
        loss=token_losses.cross_entropy,
        metrics=words.metrics,
        reads="sequence",
        answers="loss",
    )


def _chosen(numbers: tf.Tensor, candidates: tf.Tensor, rate: float):
    """The candidates with the smallest numbers, rate of them, at least 1."""
    ranked = tf.where(candidates, numbers, 2.0)
    order = tf.argsort(ranked, stable=True)
    rank = tf.argsort(order)
    count = tf.reduce_sum(tf.cast(candidates, tf.int32), 1, keepdims=True)
    wanted = tf.round(tf.cast(count, tf.float32) * rate)
    wanted = tf.maximum(tf.cast(wanted, tf.int32), 1)
    return (rank < wanted) & candidates


def _replaced(known, action, other, size: int) -> tf.Tensor:
    """What stands in the place of each word; -1: the word itself."""
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


def _pack(inputs: tf.Tensor, slots: tf.Tensor, spacing: int) -> tf.Tensor:
    """Ids and, in a last number a token, a slot in every `spacing`-th."""
    ids = inputs if inputs.shape.rank == 3 else inputs[..., None]
    spread = tf.repeat(slots, spacing, axis=1)[:, : tf.shape(ids)[1]]
    return tf.concat([ids, spread[..., None]], 2)


def _assemble(backbone: keras.Model, spacing: int, size: int) -> keras.Model:
    width = words.width_of(backbone)
    packed = keras.Input((None, width + 1), dtype="int32", name="tokens")
    tokens = packed[..., 0] if width == 1 else packed[..., :-1]
    features = feature_model(backbone, "sequence")(tokens)
    places = keras.ops.expand_dims(packed[:, ::spacing, width], -1)
    chosen = keras.ops.take_along_axis(features, places, axis=1)
    logits = heads.per_token(chosen, size)
    return numbered(keras.Model(packed, logits, name="model"))
