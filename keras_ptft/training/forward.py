"""The one loop that runs a model over examples without training it."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.length_buckets import GROUP, evaluation_order
from keras_ptft.data.pipeline.batching import (
    Transform,
    evaluation_batches,
    unweighted,
)
from keras_ptft.training.distribution.strategies import (
    distributed,
    gather_replicas,
)

Observe = Callable[[Any, Any, tf.Tensor], Any]
"""(targets, outputs, weights) of a batch → tensors to keep of each example."""

Run = Callable[[Callable[[Any], Any], Any], Any]
"""(model, inputs) → its outputs, where a model is not simply called."""

_BATCH_SIZE = 256


def called(model: Callable[[Any], Any], inputs: Any) -> Any:
    """Returns what a model makes of inputs: a `Run` that only calls it."""
    return model(inputs)


def forward(
    model: keras.Model,
    source: Source,
    observe: Observe,
    *,
    transform: Transform = unweighted,
    run: Run = called,
    batch_size: int = _BATCH_SIZE,
) -> Iterator[Any]:
    """Runs a model in inference over every example once, in order.

    It runs on the strategy that the model was built under: every replica
    computes its part of each batch, and the observations are concatenated.

    Args:
        model: takes the inputs that `transform` returns.
        source: the examples.
        observe: called in each replica with targets, outputs and weights
            of its part; returns a structure of tensors whose first axis is
            the example and whose other axes have a fixed length.
        transform: as in `data.pipeline.batching.training_batches`.
        run: how the model is run on what `transform` returns.
        batch_size: examples computed at a time, over all replicas.

    Yields:
        The observations of some examples, as NumPy arrays.
    """
    strategy = model.distribute_strategy
    size = min(batch_size, max(len(source), 1))
    size += -size % strategy.num_replicas_in_sync
    batches = partial(evaluation_batches, source, transform, batch_size=size)

    def replica_step(inputs: Any, targets: Any, weights: tf.Tensor) -> Any:
        outputs = run(partial(model, training=False), inputs)
        return observe(targets, outputs, weights)

    # AutoGraph has nothing to rewrite here, and would take half a second
    @partial(tf.function, autograph=False, reduce_retracing=True)
    def step(batch: Any) -> Any:
        return strategy.run(replica_step, args=batch)

    # each call of `forward` traces a function of its own, which TensorFlow
    # would take for one that is traced again and again
    step._omit_frequent_tracing_warning = True

    def observed() -> Iterator[Any]:
        left = len(source)
        for batch in distributed(strategy, batches):
            found = gather_replicas(strategy, step(batch))
            yield tf.nest.map_structure(partial(_first, min(left, size)), found)
            left -= size

    yield from _in_order(observed(), source, size)


def outputs_of(
    model: keras.Model, source: Source, *, batch_size: int = _BATCH_SIZE
) -> np.ndarray:
    """Computes a model's outputs for every example, in order.

    Args:
        model: one input as `source.spec` says, and one output of a fixed
            shape.
        source: the examples.
        batch_size: examples computed at a time, over all replicas.

    Returns:
        Array of shape (examples, *output shape) in the output's dtype.
    """
    dtype = tf.as_dtype(model.outputs[0].dtype).as_numpy_dtype
    outputs = np.zeros((len(source), *model.output_shape[1:]), dtype)
    start = 0
    for rows in forward(model, source, only_outputs, batch_size=batch_size):
        outputs[start : start + len(rows)] = rows
        start += len(rows)
    return outputs


def only_outputs(targets: Any, outputs: Any, weights: tf.Tensor) -> Any:
    """Returns the outputs: an `observe` that keeps nothing else."""
    del targets, weights
    return outputs


def _in_order(
    parts: Iterator[Any], source: Source, batch_size: int
) -> Iterator[Any]:
    """Rows of batches of `evaluation_batches` in the order of the examples."""
    if source.lengths is None:
        yield from parts
        return
    order = evaluation_order(source.lengths, batch_size)
    start = 0
    while group := list(itertools.islice(parts, GROUP)):
        rows = tf.nest.map_structure(lambda *x: np.concatenate(x), *group)
        count = min(GROUP * batch_size, len(source) - start)
        places = np.argsort(order[start : start + count])
        yield tf.nest.map_structure(lambda x, p=places: x[p], rows)
        start += count


def _first(count: int, rows: tf.Tensor) -> np.ndarray:
    return rows.numpy()[:count]
