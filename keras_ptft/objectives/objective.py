"""What every objective is to the training loop."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Task:
    """What an objective is told of the data.

    Attributes:
        label_names: the name of each label; none where there are no labels.
        tagged: whether the labels are tags, one a token.
        vocabulary: of texts, the token of each id; the first four are
            padding, unknown, mask and end.
        size: of texts, how many ids there are: the vocabulary, and after it
            the buckets of character n-grams.
        width: of texts, ids a token.
        counts: of texts, int64, how often each token of the vocabulary
            stands in the training split.
        sequence_length: of texts, most tokens of one.
    """

    label_names: tuple[str, ...] = ()
    tagged: bool = False
    vocabulary: tuple[str, ...] = ()
    size: int = 0
    width: int = 1
    counts: np.ndarray | None = None
    sequence_length: int = 0


@dataclasses.dataclass(frozen=True)
class Objective:
    """What a model is trained for.

    Attributes:
        transform: (inputs, labels, seeds) of a batch → (inputs, targets,
            weights), by TensorFlow operations. Seeds are int64 of shape
            (batch, 3), (seed, epoch, example), with epoch -1 in evaluation;
            weights are float32 of shape (batch,).
        assemble: backbone → functional model with one input and one output,
            new layers on the backbone's own.
        loss: (targets, outputs) → float32 losses of shape (batch,).
        metrics: makes the metrics to follow, each taking
            (targets, outputs, weights).
        reads: the backbone's layer under the head: "features", or
            "sequence" for features of each token.
        answers: what the model says of an example: "label", "tags" (one a
            token), or "loss" where its loss and metrics are all there is.
        causal: whether a token's features may depend on none after it.
        running: whether examples are windows of running text, one token
            longer than `sequence_length`.
    """

    transform: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple]
    assemble: Callable[[keras.Model], keras.Model]
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    metrics: Callable[[], Sequence[keras.metrics.Metric]]
    reads: str = "features"
    answers: str = "label"
    causal: bool = False
    running: bool = False
