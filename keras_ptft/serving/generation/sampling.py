"""How a language model chooses the next token."""

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
        tokens: most that are added to a text; it ends before that where the
            model says so.
        temperature: the logits are divided by it; 0: the likeliest token.
        top_k: choose among so many of the likeliest; 0: among all.
        seed: the same one gives the same text.
    """

    tokens: int
    temperature: float = 1.0
    top_k: int = 0
    seed: int = 0


def stepper(
    model: keras.Model, tokenizer: Tokenizer, sampling: Sampling
) -> Callable:
    """What adds one token to each of some texts.

    Args:
        model: ids → logits of the next token at each place.
        tokenizer: whose ids these are.
        sampling: how the token is chosen.

    Returns:
        (ids, lengths, numbers, place) → (ids, lengths, tokens): int32 ids of
        shape (batch, sequence_length[, width]), the tokens of each text in
        them, the number of each text, and how many tokens it was given; a
        token is a pure function of these and the seed. All but ids int64,
        tokens int32.
    """
    window, table = tokenizer.sequence_length, word_rows(tokenizer)
    pick = _picker(len(tokenizer.vocabulary), sampling)
    rows = tf.TensorSpec([None], tf.int64)
    shape = [None, window, *table.shape[1:]]

    @partial(
        tf.function,
        input_signature=[
            tf.TensorSpec(shape, tf.int32),
            *(rows, rows, tf.TensorSpec([], tf.int64)),
        ],
        autograph=False,
    )
    def step(ids, lengths, numbers, place):
        logits = model(ids, training=False)
        chosen = pick(
            tf.gather(logits, lengths - 1, batch_dims=1), numbers, place
        )
        new = tf.gather(table, chosen)[:, None]
        axes = [1] * (new.shape.rank - 1)
        # a full window loses its first token
        full = tf.reshape(lengths == window, [-1, *axes])
        ids = tf.where(full, tf.roll(ids, -1, axis=1), ids)
        lengths = tf.minimum(lengths + 1, window)
        here = tf.range(window, dtype=tf.int64) == lengths[:, None] - 1
        here = tf.reshape(here, [-1, window, *axes[1:]])
        return tf.where(here, new, ids), lengths, chosen

    return step


def _picker(size: int, sampling: Sampling) -> Callable:
    """(logits, numbers of the texts, place) → ids of the tokens to add."""
    k = min(sampling.top_k or size, size)
    never = tf.reduce_max(tf.one_hot(_NEVER, size, on_value=np.inf), 0)

    def pick(logits, numbers, place):
        logits, ids = tf.math.top_k(logits - never, k)
        if not sampling.temperature:
            return ids[:, 0]
        # exact where a float32 would round the last shares to 0
        scaled = tf.cast(logits, tf.float64) / sampling.temperature
        reached = tf.cumsum(tf.nn.softmax(scaled), 1)
        seeds = [sampling.seed * tf.ones_like(numbers), place + 0 * numbers]
        share = draw(tf.stack([*seeds, numbers], 1), 1)
        goal = tf.cast(share, tf.float64) * reached[:, -1:]
        best = tf.reduce_sum(tf.cast(reached <= goal, tf.int32), 1)
        return tf.gather(ids, best, batch_dims=1)

    return pick
