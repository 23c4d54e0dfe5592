"""Copies the whole state of a training to arrays, and restores it."""

import re
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from keras_ptft.training.distribution.strategies import (
    all_gather,
    first_replica,
)
from keras_ptft.training.training_model import TrainingModel

_Variables = dict[str, tf.Variable]


def capture(training_model: TrainingModel) -> dict[str, np.ndarray]:
    """Copies every variable: the model's weights and random seeds, the
    optimizer's with its loss scale, the metrics' and the step.

    All workers must call this together.

    Returns:
        Arrays by name. A variable that differs between replicas, such as a
        metric's, has the replica as its first axis.
    """
    mirrored, per_replica = _variables(training_model)
    strategy = training_model.distribute_strategy
    arrays = {
        name: strategy.experimental_local_results(variable)[0].numpy()
        for name, variable in mirrored.items()
    }
    for name, variable in per_replica.items():
        copies = strategy.experimental_local_results(variable)
        local = np.stack([copy.numpy() for copy in copies])
        arrays[name] = all_gather(strategy, local)
    return arrays


def restore(
    training_model: TrainingModel, arrays: Mapping[str, np.ndarray]
) -> None:
    """Restores what `capture` copied.

    The number of replicas may be another one; later sums are then rounded
    differently.

    Raises:
        ValueError: the arrays belong to another model or optimizer.
    """
    mirrored, per_replica = _variables(training_model)
    strategy = training_model.distribute_strategy
    saved = {_unnumbered(name): array for name, array in arrays.items()}
    values = {}
    for name, variable in {**mirrored, **per_replica}.items():
        value = saved.get(_unnumbered(name))
        first_axis = 1 if name in per_replica else 0
        shape = None if value is None else value.shape[first_axis:]
        if value is None or shape != tuple(variable.shape):
            raise ValueError(
                f"expected {name!r} of shape {variable.shape}, got {shape}"
            )
        values[name] = value
    with strategy.scope():
        for name, variable in mirrored.items():
            variable.assign(values[name])
    replicas, first = strategy.num_replicas_in_sync, first_replica(strategy)
    for name, variable in per_replica.items():
        rows = _redistribute(values[name], variable.aggregation, replicas)
        copies = strategy.experimental_local_results(variable)
        for copy, row in zip(copies, rows[first:], strict=False):
            copy.assign(row)


def _unnumbered(name: str) -> str:
    """Removes the numbers by which Keras makes names unique in a process."""
    return re.sub(r"_\d+", "", name)


def _variables(
    training_model: TrainingModel,
) -> tuple[_Variables, _Variables]:
    """Returns variables by name: those all replicas share, then the others."""
    keras_variables = [
        *training_model.state_model.variables,
        *training_model.optimizer.variables,
        *(v for metric in training_model.metrics for v in metric.variables),
    ]
    values = [(variable.path, variable.value) for variable in keras_variables]
    values += [
        ("step", training_model.step),
        ("failed_step", training_model.failed_step),
    ]
    mirrored: _Variables = {}
    per_replica: _Variables = {}
    for index, (path, value) in enumerate(values):
        on_read = tf.VariableSynchronization.ON_READ
        target = per_replica if value.synchronization == on_read else mirrored
        target[f"{index:04d} {path.rpartition('/')[2]}"] = value
    return mirrored, per_replica


def _redistribute(
    rows: np.ndarray, aggregation: tf.VariableAggregation, replicas: int
) -> np.ndarray:
    """Returns one row a replica with the same aggregate as `rows`."""
    if len(rows) == replicas:
        return rows
    if aggregation == tf.VariableAggregation.SUM:
        rest = np.zeros((replicas - 1, *rows.shape[1:]), rows.dtype)
        return np.concatenate([rows.sum(0, keepdims=True), rest])
    return np.repeat(rows.mean(0, keepdims=True), replicas, 0)
