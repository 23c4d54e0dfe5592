"""Word vectors: what both contestants learn, and how good they get."""

import numpy as np
import tensorflow as tf

from keras_ptft.objectives.objective import Objective, Task
from keras_ptft.objectives.word2vec import skipgram
from keras_ptft.objectives.words import SPECIALS

WIDTH = 100
SETTINGS = {"window": 5, "negatives": 5, "subsample": 1e-3}
_SAMPLE = 512


def task(inputs: np.ndarray) -> Task:
    """What is known of texts of shape (texts, length)."""
    counts = np.bincount(inputs.ravel())
    names = tuple(map(str, range(len(counts))))
    return Task(
        vocabulary=names,
        size=len(counts),
        counts=counts,
        sequence_length=inputs.shape[1],
    )


def objective(inputs: np.ndarray) -> Objective:
    """Skip-gram with the settings of all contestants."""
    return skipgram(task(inputs), **SETTINGS)


def nats_a_pair(
    inputs: np.ndarray, vectors: np.ndarray, context: np.ndarray
) -> float:
    """The loss of some word vectors on a sample of the texts.

    Args:
        inputs: int32 of shape (texts, length).
        vectors: of each word as a centre, of shape (words, width).
        context: likewise as a context.
    """
    sample = inputs[:_SAMPLE]
    measure = objective(inputs)
    seeds = np.zeros((len(sample), 3), np.int64)
    seeds[:, 1:] = np.stack([seeds[:, 0] - 1, np.arange(len(sample))], 1)
    packed, targets, weights = measure.transform(
        tf.constant(sample), None, tf.constant(seeds)
    )
    centres = tf.gather(vectors, packed[:, : targets.shape[1]])
    candidates = tf.gather(context, packed)
    logits = tf.matmul(centres, candidates, transpose_b=True)
    losses = measure.loss(targets, logits)
    return float(tf.reduce_sum(losses * weights) / tf.reduce_sum(weights))


def untrained(inputs: np.ndarray) -> float:
    """That loss where every score is 0."""
    zeros = np.zeros((inputs.max() + 1, 1), np.float32)
    return nats_a_pair(inputs, zeros, zeros)


def random_texts(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Texts in which words are as frequent as in English (Zipf 1949).

    Half the words of a text come from the fiftieth of the vocabulary that
    its topic has, so there is something to learn.

    Returns:
        int32 of shape (count, 64), from 4 to 5,003; and the topics, modulo
        10, int64 of shape (count,).
    """
    random = np.random.default_rng(0)
    words, topics = 5_000, 50
    shares = 1 / np.arange(2, words + 2)
    drawn = random.choice(words, (count, 64), p=shares / shares.sum())
    topic = random.integers(0, topics, count)
    near = drawn - drawn % topics + topic[:, None]
    own = random.random((count, 64)) < 0.5
    texts = np.where(own, near, drawn) + SPECIALS
    return texts.astype(np.int32), (topic % 10).astype(np.int64)
