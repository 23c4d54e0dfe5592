"""The micro F1 of sets of labels, as it is shown in training."""

from typing import Any

import keras
import tensorflow as tf


class MicroF1(keras.metrics.Metric):
    """F1 over all pairs of an example and a label, from logits above 0.

    Keras's own takes probabilities alone.

    Args:
        name: of the metric.

    Example:

    >>> metric = MicroF1()
    >>> metric.update_state([[1.0, 1.0, 0.0]], [[2.0, -1.0, 3.0]])
    >>> float(metric.result())  # 1 right, 2 given, 2 true
    0.5
    """

    def __init__(self, name: str = "f1_micro") -> None:
        super().__init__(name=name)
        self._right, self._given, self._true = (
            self.add_variable((), "zeros", name=part)
            for part in ("right", "given", "true")
        )

    def update_state(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Counts the labels of a batch.

        Args:
            y_true: 0 or 1, of shape (batch, labels).
            y_pred: logits, likewise.
            sample_weight: of shape (batch,), or None.
        """
        true = tf.cast(y_true, tf.float32)
        given = tf.cast(tf.convert_to_tensor(y_pred) > 0, tf.float32)
        weights = tf.ones_like(true[:, :1])
        if sample_weight is not None:
            weights = tf.cast(sample_weight, tf.float32)[:, None]
        self._right.assign_add(tf.reduce_sum(weights * true * given))
        self._given.assign_add(tf.reduce_sum(weights * given))
        self._true.assign_add(tf.reduce_sum(weights * true))

    def result(self) -> tf.Tensor:
        """Computes 2 · right / (given + true), or 0."""
        total = self._given + self._true
        return tf.math.divide_no_nan(2 * self._right, total)
