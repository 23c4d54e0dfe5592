"""Word vectors from the words that stand near each other."""

import abc
from collections.abc import Sequence
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.length_buckets import buckets, padded_length
from keras_ptft.errors import UserError
from keras_ptft.evaluation.evaluation import Evaluation, WordVectors
from keras_ptft.evaluation.word_neighbors import (
    nearest,
    probe_words,
    word_vectors,
)
from keras_ptft.models.feature_model import feature_model
from keras_ptft.models.tokens import numbered
from keras_ptft.objectives import token_losses, words
from keras_ptft.objectives.objective import Batch, Objective

# random numbers a token: is it kept, how far does its window reach
_NUMBERS = 2


class Word2Vec(Objective):
    """What skip-gram and continuous bag of words have in common.

    Negative sampling from counts to the power 0.75, frequent words dropped
    at random before windows are laid, windows of random width. Each pair
    weighs its negatives as if it had drawn them alone, but the pairs of a
    text share a pool, so that all their scores are one matrix product (Ji et
    al. 2016, "Parallelizing Word2Vec in Shared and Distributed Memory").

    A subclass sets `name`, what the user writes, and says what is predicted.

    The model has two inputs: "tokens", and "negatives" of each text. It
    trains the layer "embedding" of any backbone for texts; a table named
    "context" holds the other vectors.

    Args:
        info: texts.
        window: farthest context, in words; 0: all of the text is context.
        negatives: of each pair.
        subsample: share of all words above which a word is dropped at
            times.
        shared: words drawn for a text, which its pairs share.

    Raises:
        UserError: no texts, or a setting out of its range.
    """

    feature_layer = "embedding"
    name: ClassVar[str]
    changes_inputs = True
    extra_inputs = ("negatives",)

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        window: int = 5,
        negatives: int = 5,
        subsample: float = 1e-3,
        shared: int = 32,
    ) -> None:
        super().__init__(info)
        name = self.name
        words.check_is_text(info, name)
        limits = (("window", window, 0), ("negatives", negatives, 1))
        for setting, value, least in (*limits, ("shared", shared, 1)):
            if value < least:
                raise UserError(
                    f"Setting {setting!r} of objective {name!r} must be at "
                    f"least {least}, got {value}."
                )
        if not 0.0 <= subsample <= 1.0:
            raise UserError(
                f"Setting 'subsample' of objective {name!r} must be from 0 to "
                f"1, got {subsample}; 1e-3 is usual."
            )
        self.window, self.negatives, self.shared = window, negatives, shared
        found = words.frequencies(info)
        kept = kept_shares(found, subsample)
        self._kept = tf.constant(kept, tf.float32)
        self._ends = tf.constant(negative_ends(found), tf.float32)
        self._edges = buckets(max(info.sequence_length, 1))

    @property
    @abc.abstractmethod
    def full_text(self) -> float:
        """How many predictions a text of full length has, to weigh texts."""

    @abc.abstractmethod
    def negative_counts(
        self, near: tf.Tensor, other: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes how often each negative counts, and the predictions.

        Args:
            near: float32 of shape (batch, tokens, tokens), 1 where the
                second is a context of the first.
            other: float32 of shape (batch, tokens, shared), 1 where the
                negative is not the word itself.

        Returns:
            float32 of shape (batch, tokens, shared), and of shape (batch,).
        """

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Drops frequent words, lays windows and draws negatives."""
        del labels
        known = words.known(inputs)
        count = self.shared + _NUMBERS * tf.shape(known)[1]
        stride = self.shared + _NUMBERS * self.info.sequence_length
        numbers = draw(seeds, count, stride)
        drawn, numbers = numbers[:, : self.shared], numbers[:, self.shared :]
        kept = tf.gather(self._kept, tf.maximum(known, 0))
        keep = (known >= 0) & (numbers[:, ::2] < kept)
        inputs = _without_gaps(inputs, keep, self._edges)
        known = words.known(inputs)
        near = _near(known >= 0, numbers[:, 1::2], self.window)
        drawn = _negatives(self._ends, drawn)
        other = tf.cast(known[:, :, None] != drawn[:, None, :], tf.float32)
        counts, number = self.negative_counts(near, other)
        share = self.negatives / self.shared
        targets = tf.concat([near, share * counts], 2)
        weights = number / self.full_text
        return {"tokens": inputs, "negatives": drawn}, targets, weights

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """Returns the vectors themselves: `assemble` compares them."""
        return features

    def assemble(self, backbone: keras.Model) -> keras.Model:
        """Scores each word's vector against contexts and negatives."""
        tokens = backbone.inputs[0]
        negatives = keras.Input((self.shared,), dtype="int32", name="negatives")
        centres = feature_model(backbone, self.feature_layer).outputs[0]
        context = keras.layers.Embedding(
            len(self.info.vocabulary),
            centres.shape[-1],
            "zeros",
            name="context",
        )
        first = words.first_ids(tokens)
        candidates = context(keras.ops.concatenate([first, negatives], axis=1))
        dot = keras.layers.Dot(2, dtype="float32", name="logits")
        logits = dot([self.head(centres), candidates])
        inputs = {"tokens": tokens, "negatives": negatives}
        model = keras.Model(inputs, logits, name="model")
        return numbered(model, backbone)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes none: the loss says all there is."""
        return []

    def evaluate(
        self,
        model: keras.Model,
        dataset: Dataset,
        *,
        reject_below: float = 0.0,
    ) -> Evaluation:
        """Scores each split, and shows which words are near each other."""
        del reject_below
        tokenizer = self.info.text_tokenizer
        vectors = word_vectors(model, tokenizer)
        known = tokenizer.vocabulary
        probes = probe_words(known, tokenizer.counts)
        return Evaluation(
            self.score_splits(model, dataset),
            word_vectors=WordVectors(
                words=known[words.SPECIALS :],
                vectors=vectors[words.SPECIALS :],
                neighbors=nearest(vectors, known, probes),
            ),
        )


class SkipGram(Word2Vec):
    """Each word predicts the words near it (Mikolov et al. 2013).

    "Distributed Representations of Words and Phrases and their
    Compositionality"; see `Word2Vec` for negatives and windows. The loss is
    nats per pair.

    Args:
        info: texts.
        window: farthest context, in words; 0: all of the text is context.
        negatives: of each pair.
        subsample: share of all words above which a word is dropped at
            times; 1e-3 to 1e-4 for small collections, 0: never.
        shared: words drawn for a text, which its pairs share.

    Raises:
        UserError: no texts, or a setting out of its range.
    """

    name = "skipgram"

    @property
    def full_text(self) -> float:
        """Pairs of centre and context in a text of full length."""
        return pairs_of(self.info.sequence_length, self.window)

    def negative_counts(
        self, near: tf.Tensor, other: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """A centre meets its negatives once for each of its contexts."""
        return tf.matmul(near, other), tf.reduce_sum(near, [1, 2])

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the loss of negative sampling, in nats per pair."""
        return token_losses.skipgram_loss(targets, outputs, self.shared)


class CBOW(Word2Vec):
    """The words near it predict each word (Mikolov et al. 2013).

    "Efficient Estimation of Word Representations in Vector Space", with
    negative sampling as in `SkipGram`; the loss is nats per word.

    Args:
        info: texts.
        window: farthest context, in words; 0: all of the text is context.
        negatives: of each word.
        subsample: share of all words above which a word is dropped at
            times; 1e-3 to 1e-4 for small collections, 0: never.
        shared: words drawn for a text, which its words share.

    Raises:
        UserError: no texts, or a setting out of its range.
    """

    name = "cbow"

    @property
    def full_text(self) -> float:
        """Words of a text of full length."""
        return float(max(self.info.sequence_length, 1))

    def negative_counts(
        self, near: tf.Tensor, other: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """A centre meets each negative once, if it has any context."""
        centres = tf.reduce_max(near, 2)
        return other * centres[..., None], tf.reduce_sum(centres, 1)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the loss of negative sampling, in nats per word."""
        return token_losses.cbow_loss(targets, outputs, self.shared)


def pairs_of(length: int, window: int) -> float:
    """Computes the mean number of pairs that a text has, at least 1.

    Args:
        length: words of the text.
        window: farthest context; 0: all of the text.

    Example:

    >>> pairs_of(4, 1), pairs_of(4, 2), pairs_of(4, 0)
    (6.0, 8.0, 12.0)
    """
    if not window:
        return float(max(length * (length - 1), 1))
    distances = np.arange(1, min(window, length - 1) + 1)
    reached = (window - distances + 1) / window
    return float(max((2 * (length - distances) * reached).sum(), 1.0))


def kept_shares(frequencies: np.ndarray, subsample: float) -> np.ndarray:
    """Computes how often a word is kept: sqrt(t / f) + t / f.

    The paper's formula lacks the second term; word2vec's program has it, as
    have those that followed.

    Args:
        frequencies: f, of shape (vocabulary,), with sum 1.
        subsample: t; 0: all are kept.

    Returns:
        float64 of shape (vocabulary,), at most 1.

    Example:

    >>> kept_shares(np.array([0.0, 0.001, 0.4, 0.016]), 0.001).round(4)
    array([1.    , 1.    , 0.0525, 0.3125])
    """
    if not subsample:
        return np.ones_like(frequencies)
    ratio = subsample / np.maximum(frequencies, subsample)
    return np.minimum(np.sqrt(ratio) + ratio, 1.0)


def negative_ends(frequencies: np.ndarray) -> np.ndarray:
    """Computes where the part of each word ends in [0, 1]: f to the 0.75.

    Example:

    >>> negative_ends(np.array([0.0, 16.0, 1.0]) / 17).round(4)
    array([0.    , 0.8889, 1.    ])
    """
    ends = np.cumsum(frequencies**0.75)
    return ends / ends[-1]


def _without_gaps(
    inputs: tf.Tensor, keep: tf.Tensor, edges: np.ndarray
) -> tf.Tensor:
    """The words that are kept, padded with 0: windows reach over others."""
    lengths = tf.reduce_sum(tf.cast(keep, tf.int64), 1)
    longest = padded_length(lengths, edges)
    if inputs.shape[1] == edges[-1]:
        # padded to the longest, as all are on a TPU
        longest = int(edges[-1])
    order = tf.argsort(tf.cast(~keep, tf.int32), stable=True)[:, :longest]
    kept = tf.gather(keep, order, batch_dims=1)
    if inputs.shape.rank == 3:
        kept = kept[..., None]
    return tf.where(kept, tf.gather(inputs, order, batch_dims=1), 0)


def _negatives(ends: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    flat = tf.searchsorted(ends, tf.reshape(numbers, [-1]), side="right")
    return tf.reshape(flat, tf.shape(numbers))


def _near(present: tf.Tensor, numbers: tf.Tensor, window: int) -> tf.Tensor:
    """1 where the second of two words is a context of the first."""
    places = tf.range(tf.shape(present)[1])
    distance = tf.abs(places[:, None] - places)
    near = present[:, :, None] & present[:, None, :] & (distance > 0)
    if window:
        numbers = numbers[:, : tf.shape(present)[1]]
        reach = 1 + tf.cast(numbers * float(window), tf.int32)
        near &= distance <= reach[..., None]
    return tf.cast(near, tf.float32)
