"""Samples the next token from the logits of a language model."""

import dataclasses
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.text.token_source import word_rows
from keras_ptft.data.text.tokenizers import MASK, PAD, UNKNOWN, Tokenizer

_NEVER = (PAD, UNKNOWN, MASK)


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        tokens: most that are added to a text; fewer where the model
            generates the end of the text.
        temperature: the logits are divided by it; 0: the likeliest token.
        top_k: sample from this many of the likeliest; 0: from all.
        seed: the same seed gives the same text.
    """

    tokens: int
    temperature: float = 1.0
    top_k: int = 0
    seed: int = 0


def stepper(
    model: keras.Model, tokenizer: Tokenizer, sampling: Sampling
) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Returns a compiled function that adds one token to each text.

    Args:
        model: ids → logits of the next token at each position.
        tokenizer: what made the ids.
        sampling: how the token is chosen.

    Returns:
        (ids, lengths, indices, position) → (ids, lengths, tokens): int32 ids of
        shape (batch, sequence_length[, width]), the length of each text in
        tokens, its index among all texts, and how many tokens were added
        before; int32 tokens that were added, a pure function of these and
        the seed. All but ids and tokens are int64.
    """
    window, table = tokenizer.sequence_length, word_rows(tokenizer)
    pick = _picker(len(tokenizer.vocabulary), sampling)
    ids = tf.TensorSpec([None, window, *table.shape[1:]], tf.int32)
    rows, one = tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int64)
    specs = [ids, rows, rows, one]

    @partial(tf.function, input_signature=specs, autograph=False)
    def step(
        ids: tf.Tensor,
        lengths: tf.Tensor,
        indices: tf.Tensor,
        position: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        logits = model(ids, training=False)
        last = tf.gather(logits, lengths - 1, batch_dims=1)
        chosen = pick(last, indices, position)
        new = tf.gather(table, chosen)[:, None]
        axes = [1] * (new.shape.rank - 1)
        # a full window drops its first token
        full = tf.reshape(lengths == window, [-1, *axes])
        ids = tf.where(full, tf.roll(ids, -1, axis=1), ids)
        lengths = tf.minimum(lengths + 1, window)
        here = tf.range(window, dtype=tf.int64) == lengths[:, None] - 1
        here = tf.reshape(here, [-1, window, *axes[1:]])
        return tf.where(here, new, ids), lengths, chosen

    return step


def _picker(size: int, sampling: Sampling) -> Callable[..., tf.Tensor]:
    """(logits, indices of the texts, position) → ids of the tokens to add."""
    k = min(sampling.top_k or size, size)
    never = tf.reduce_max(tf.one_hot(_NEVER, size, on_value=np.inf), 0)

    def pick(
        logits: tf.Tensor, indices: tf.Tensor, position: tf.Tensor
    ) -> tf.Tensor:
        logits, ids = tf.math.top_k(logits - never, k)
        if not sampling.temperature:
            return ids[:, 0]
        # float32 would round the smallest probabilities to 0
        scaled = tf.cast(logits, tf.float64) / sampling.temperature
        cumulative = tf.cumsum(tf.nn.softmax(scaled), 1)
        seeds = [sampling.seed * tf.ones_like(indices), position + 0 * indices]
        uniform = tf.cast(draw(tf.stack([*seeds, indices], 1), 1), tf.float64)
        goal = uniform * cumulative[:, -1:]
        best = tf.reduce_sum(tf.cast(cumulative <= goal, tf.int32), 1)
        return tf.gather(ids, best, batch_dims=1)

    return pick
