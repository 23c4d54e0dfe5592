"""Word vectors from the words that stand near each other."""

import dataclasses
from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.core.length_buckets import buckets, padded_length
from keras_ptft.errors import UserError
from keras_ptft.models.feature_model import feature_model
from keras_ptft.models.tokens import numbered
from keras_ptft.objectives import token_losses, words
from keras_ptft.objectives.objective import Objective, Task

# of two numbers a token: whether it is kept, how far a window reaches
_NUMBERS = 2


@dataclasses.dataclass(frozen=True)
class _Sampling:
    """The settings that both objectives have, as `skipgram` tells them."""

    window: int
    negatives: int
    subsample: float
    shared: int


def skipgram(
    task: Task,
    /,
    *,
    window: int = 5,
    negatives: int = 5,
    subsample: float = 1e-3,
    shared: int = 32,
) -> Objective:
    """Each word foretells the words near it (Mikolov et al. 2013).

    "Distributed Representations of Words and Phrases and their
    Compositionality": negative sampling from counts to the power 0.75,
    frequent words dropped at random before windows are laid, windows of
    random width. Each pair weighs its negatives as if it had drawn them
    alone, but the pairs of a text share a pool, so that all their scores
    are one matrix product (Ji et al. 2016, "Parallelizing Word2Vec in Shared
    and Distributed Memory"). Trains the layer "embedding" of any backbone
    for texts; a table named "context" holds the other vectors.

    Args:
        task: texts.
        window: farthest context, in words; 0: all of the text is context.
        negatives: of each pair.
        subsample: share of all words above which a word is dropped at
            times; 1e-3 to 1e-4 for small collections, 0: never.
        shared: words drawn for a text, which its pairs share.

    Raises:
        UserError: no texts, or a setting out of its range.
    """
    sampling = _Sampling(window, negatives, subsample, shared)
    _check(task, sampling, "skipgram")
    full = pairs_of(task.sequence_length, window)
    transform = _transform(task, sampling, _of_pairs, full)
    return _objective(task, sampling, transform, token_losses.skipgram_loss)


def cbow(
    task: Task,
    /,
    *,
    window: int = 5,
    negatives: int = 5,
    subsample: float = 1e-3,
    shared: int = 32,
) -> Objective:
    """The words near it foretell each word (Mikolov et al. 2013).

    "Efficient Estimation of Word Representations in Vector Space", with
    negative sampling and all else as in `skipgram`; what is logged is nats
    per word.

    Args:
        task: texts.
        window: farthest context, in words; 0: all of the text is context.
        negatives: of each word.
        subsample: share of all words above which a word is dropped at
            times; 1e-3 to 1e-4 for small collections, 0: never.
        shared: words drawn for a text, which its words share.

    Raises:
        UserError: no texts, or a setting out of its range.
    """
    sampling = _Sampling(window, negatives, subsample, shared)
    _check(task, sampling, "cbow")
    full = float(max(task.sequence_length, 1))
    transform = _transform(task, sampling, _of_centres, full)
    return _objective(task, sampling, transform, token_losses.cbow_loss)


def pairs_of(length: int, window: int) -> float:
    """Pairs of centre and context that a text has on average, at least 1.

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
    """How often a word is kept: sqrt(t / f) + t / f, as word2vec has it.

    The paper's formula lacks the second term; the program that came with it
    and those that followed have it.

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
    """Where the share of each word ends in [0, 1]: f to the power 0.75.

    Example:

    >>> negative_ends(np.array([0.0, 16.0, 1.0]) / 17).round(4)
    array([0.    , 0.8889, 1.    ])
    """
    ends = np.cumsum(frequencies**0.75)
    return ends / ends[-1]


def _check(task: Task, sampling: _Sampling, name: str) -> None:
    words.check(task, name)
    for setting, least in (("window", 0), ("negatives", 1), ("shared", 1)):
        value = getattr(sampling, setting)
        if value < least:
            raise UserError(
                f"Setting {setting!r} of objective {name!r} must be at least "
                f"{least}, got {value}."
            )
    if not 0.0 <= sampling.subsample <= 1.0:
        raise UserError(
            f"Setting 'subsample' of objective {name!r} must be from 0 to 1, "
            f"got {sampling.subsample}; 1e-3 is usual."
        )


def _objective(task, sampling: _Sampling, transform, loss) -> Objective:
    size, shared = len(task.vocabulary), sampling.shared
    return Objective(
        transform=transform,
        assemble=lambda backbone: _assemble(backbone, shared, size),
        loss=partial(loss, shared=shared),
        metrics=list,
        reads="embedding",
        answers="loss",
    )


def _transform(task: Task, sampling: _Sampling, tell: Callable, full: float):
    """What makes a batch: the counts that `tell` gives are its targets."""
    shared = sampling.shared
    stride = shared + _NUMBERS * task.sequence_length
    found = words.frequencies(task)
    kept = tf.constant(kept_shares(found, sampling.subsample), tf.float32)
    ends = tf.constant(negative_ends(found), tf.float32)
    edges = buckets(max(task.sequence_length, 1))

    def transform(inputs, labels, seeds):
        del labels
        known = words.known(inputs)
        numbers = draw(seeds, shared + _NUMBERS * tf.shape(known)[1], stride)
        drawn, numbers = numbers[:, :shared], numbers[:, shared:]
        shares = tf.gather(kept, tf.maximum(known, 0))
        keep = (known >= 0) & (numbers[:, ::2] < shares)
        inputs = _without_gaps(inputs, keep, edges)
        known = words.known(inputs)
        near = _near(known >= 0, numbers[:, 1::2], sampling.window)
        drawn = _negatives(ends, drawn)
        other = tf.cast(known[:, :, None] != drawn[:, None, :], tf.float32)
        counts, number = tell(near, other)
        share = sampling.negatives / shared
        targets = tf.concat([near, share * counts], 2)
        return _pack(inputs, drawn), targets, number / full

    return transform


def _without_gaps(inputs, keep, edges: np.ndarray) -> tf.Tensor:
    """The words that are kept, padded with 0: windows reach over others."""
    lengths = tf.reduce_sum(tf.cast(keep, tf.int64), 1)
    longest = padded_length(lengths, edges)
    order = tf.argsort(tf.cast(~keep, tf.int32), stable=True)[:, :longest]
    kept = tf.gather(keep, order, batch_dims=1)
    if inputs.shape.rank == 3:
        kept = kept[..., None]
    return tf.where(kept, tf.gather(inputs, order, batch_dims=1), 0)


def _of_pairs(near, other) -> tuple[tf.Tensor, tf.Tensor]:
    """How often a centre meets each negative, and the pairs of a text.

    A negative that is the context itself does not count.
    """
    return tf.matmul(near, other), tf.reduce_sum(near, [1, 2])


def _of_centres(near, other) -> tuple[tf.Tensor, tf.Tensor]:
    """Likewise where a centre meets each once, if it has any context."""
    centres = tf.reduce_max(near, 2)
    return other * centres[..., None], tf.reduce_sum(centres, 1)


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


def _pack(inputs: tf.Tensor, negatives: tf.Tensor) -> tf.Tensor:
    """The tokens of each text, and after them its negatives."""
    if inputs.shape.rank == 3:
        others = inputs.shape[2] - 1
        negatives = tf.pad(negatives[..., None], [[0, 0], [0, 0], [0, others]])
    return tf.concat([inputs, negatives], 1)


def _assemble(backbone: keras.Model, shared: int, size: int) -> keras.Model:
    width = words.width_of(backbone)
    shape = (None,) if width == 1 else (None, width)
    packed = keras.Input(shape, dtype="int32", name="tokens")
    centres = feature_model(backbone, "embedding")(packed[:, :-shared])
    context = keras.layers.Embedding(
        size, centres.shape[-1], "zeros", name="context"
    )
    candidates = context(packed if width == 1 else packed[..., 0])
    dot = keras.layers.Dot(2, dtype="float32", name="logits")
    logits = dot([centres, candidates])
    return numbered(keras.Model(packed, logits, name="model"))
