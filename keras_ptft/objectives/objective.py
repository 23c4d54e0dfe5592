"""What every objective is to the training loop."""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Objective:
    """What a model is trained for.

    Attributes:
        transform: (inputs, labels) of a batch → (inputs, targets, weights),
            by TensorFlow operations; weights are float32 of shape (batch,).
        head: features → outputs, new layers on a backbone.
        loss: (targets, outputs) → float32 losses of shape (batch,).
        metrics: makes the metrics to follow, each taking
            (targets, outputs, weights).
    """

    transform: Callable[[tf.Tensor, tf.Tensor], tuple]
    head: Callable[[keras.KerasTensor], keras.KerasTensor]
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    metrics: Callable[[], Sequence[keras.metrics.Metric]]
