"""All that a training loop holds, as arrays: to save and to put back."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_ptft.training.distribution.strategies import (
    all_gather,
    first_replica,
)
from keras_ptft.training.training_model import TrainingModel


def capture(loop: TrainingModel) -> dict[str, np.ndarray]:
    """Copies every variable of a loop: what it trains, random seeds, the
    optimizer with its loss scale, metrics so far and the step.

    Returns:
        Arrays by name. Of a variable that differs by replica, such as a
        metric, the first axis is the replicas'; all workers must call this
        together.
    """
    shared, own = _variables(loop)
    strategy = loop.distribute_strategy
    arrays = {
        name: strategy.experimental_local_results(variable)[0].numpy()
        for name, variable in shared.items()
    }
    for name, variable in own.items():
        copies = strategy.experimental_local_results(variable)
        here = np.stack([copy.numpy() for copy in copies])
        arrays[name] = all_gather(strategy, here)
    return arrays


def restore(loop: TrainingModel, arrays: Mapping[str, np.ndarray]) -> None:
    """Puts back what `capture` copied.

    On another number of replicas a training goes on too, though its sums
    are then rounded otherwise.

    Raises:
        ValueError: the arrays are of another model or optimizer.
    """
    shared, own = _variables(loop)
    strategy = loop.distribute_strategy
    replicas = strategy.num_replicas_in_sync
    for name, variable in {**shared, **own}.items():
        # the first axis of a replica's own variable is the replicas'
        first = 1 if name in own else 0
        found = arrays[name].shape[first:] if name in arrays else None
        if found != tuple(variable.shape):
            raise ValueError(
                f"expected {name!r} of shape {variable.shape}, got {found}"
            )
    with strategy.scope():
        for name, variable in shared.items():
            variable.assign(arrays[name])
    for name, variable in own.items():
        rows = _shared_out(arrays[name], variable.aggregation, replicas)
        copies = strategy.experimental_local_results(variable)
        first = first_replica(strategy)
        for copy, value in zip(copies, rows[first:], strict=False):
            copy.assign(value)


def _variables(
    loop: TrainingModel,
) -> tuple[dict[str, tf.Variable], dict[str, tf.Variable]]:
    """Variables by name: those all replicas share, and those each has."""
    found = [*loop.model.variables, *loop.optimizer.variables]
    found += [v for metric in loop.metrics for v in metric.variables]
    values = [(variable.path, variable.value) for variable in found]
    values += [("step", loop.step), ("failed_step", loop.failed_step)]
    shared, own = {}, {}
    for number, (path, value) in enumerate(values):
        on_read = tf.VariableSynchronization.ON_READ
        differs = value.synchronization == on_read
        # Keras counts up the first words of a path within a process
        name = f"{number:04d} {path.rpartition('/')[2]}"
        (own if differs else shared)[name] = value
    return shared, own


def _shared_out(
    rows: np.ndarray, aggregation: tf.VariableAggregation, replicas: int
) -> np.ndarray:
    """Rows for as many replicas as there are now, that mean the same."""
    if len(rows) == replicas:
        return rows
    if aggregation == tf.VariableAggregation.SUM:
        rest = np.zeros((replicas - 1, *rows.shape[1:]), rows.dtype)
        return np.concatenate([rows.sum(0, keepdims=True), rest])
    return np.repeat(rows.mean(0, keepdims=True), replicas, 0)
