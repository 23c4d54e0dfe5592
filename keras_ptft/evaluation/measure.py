"""Loss and metrics of a model on a split, by the objective's own functions."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.errors import UserError
from keras_ptft.training.forward import forward
from keras_ptft.training.training_model import Trainable

Keep = Callable[[Any, Any], dict[str, tf.Tensor]]
"""(targets, outputs) → tensors to keep of each example, by name."""

_BATCH = 64


def nothing(targets: Any, outputs: Any) -> dict[str, tf.Tensor]:
    """Keeps nothing of the examples but their number."""
    del targets, outputs
    return {}


def measure(
    model: keras.Model,
    trainable: Trainable,
    source: Source,
    keep: Keep = nothing,
    *,
    batch_size: int = _BATCH,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Computes the loss a model was trained on, and its metrics.

    Args:
        model: as the objective assembled it.
        trainable: gives the transform, the loss and the metrics.
        source: the examples.
        keep: what else to compute of each example, see `forward`.
        batch_size: examples computed at a time, over all replicas.

    Returns:
        The metrics: "examples", "loss" (weighted mean over the examples)
        and each of the objective's metrics by name. And what was kept:
        arrays with one row an example, by name.

    Raises:
        UserError: there are no examples.
    """
    if not len(source):
        raise UserError(
            "Expected at least 1 example to evaluate on, got 0: check the "
            "test split and --classes."
        )
    with model.distribute_strategy.scope():
        loss = keras.metrics.Mean("loss")
        metrics = list(trainable.metrics())

    def observe(
        targets: Any, outputs: Any, weights: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        targets = trainable.self_taught(targets, outputs)
        loss.update_state(trainable.loss(targets, outputs), weights)
        for metric in metrics:
            metric.update_state(targets, outputs, sample_weight=weights)
        return keep(targets, outputs)

    parts = list(
        forward(
            model,
            source,
            observe,
            transform=trainable.transform,
            run=trainable.run,
            batch_size=batch_size,
        )
    )
    kept = {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }
    found = {"examples": len(source), "loss": float(loss.result())}
    found |= {metric.name: float(metric.result()) for metric in metrics}
    return found, kept
