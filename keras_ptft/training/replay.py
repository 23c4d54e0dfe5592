"""Looks at one step of a training, layer by layer.

Batches are a function of the seed and the step alone, so a step is made anew
from the checkpoint before it, or from the start.
"""

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.models.structure import input_tensors
from keras_ptft.training.checkpointing import state
from keras_ptft.training.checkpointing.store import Checkpoint
from keras_ptft.training.training_model import (
    Gradients,
    TrainingModel,
    present,
)

_STEP: contextvars.ContextVar[int | None] = contextvars.ContextVar(
    "step", default=None
)


@dataclasses.dataclass(frozen=True)
class Extent:
    """The numbers of some tensors.

    Attributes:
        largest: the largest magnitude of those that are finite.
        finite: whether all of them are.
    """

    largest: float
    finite: bool


@dataclasses.dataclass(frozen=True)
class LayerRow:
    """What a step did in a layer.

    Attributes:
        name: of the layer.
        outputs: what it gave.
        weights: before the step; None: it has none.
        gradients: of its weights; None: it has none that are trained.
    """

    name: str
    outputs: Extent
    weights: Extent | None = None
    gradients: Extent | None = None


@dataclasses.dataclass(frozen=True)
class Replayed:
    """A step, done again.

    Attributes:
        step: steps done before it.
        loss: the mean of the batch's, weighted.
        learning_rate: of the step.
        layers: from the input on.
        losses: of each example, float32 of shape (batch,).
        batch: its arrays by name: inputs, targets and weights.
    """

    step: int
    loss: float
    learning_rate: float
    layers: Sequence[LayerRow]
    losses: np.ndarray
    batch: Mapping[str, np.ndarray]

    @property
    def first(self) -> str:
        """The first layer with an output that is not finite, or nothing."""
        bad = (row.name for row in self.layers if not row.outputs.finite)
        return next(bad, "")

    @property
    def examples(self) -> list[int]:
        """Which examples of the batch have a loss that is not finite."""
        return np.flatnonzero(~np.isfinite(self.losses)).tolist()


class Found(Exception):
    """Ends a training at the step that was looked for.

    Attributes:
        replayed: the step.
    """

    def __init__(self, replayed: Replayed) -> None:
        super().__init__(f"step {replayed.step}")
        self.replayed = replayed


@contextlib.contextmanager
def looking_for(step: int) -> Iterator[None]:
    """Makes the training in its block raise `Found`.

    Args:
        step: the last one to look at. An earlier one whose gradients are not
            finite is found in its place: it has spoilt the weights.
    """
    token = _STEP.set(step)
    try:
        yield
    finally:
        _STEP.reset(token)


def is_looked_for(until: int) -> bool:
    """Returns whether a step before `until` is looked for."""
    step = _STEP.get()
    return step is not None and step < until


def look(
    model: TrainingModel,
    batches: tf.data.Dataset,
    start: Checkpoint | None = None,
) -> Replayed:
    """Trains a step at a time up to the one that is looked for.

    Args:
        model: on one device.
        batches: from `start`, or from where the model is.
        start: the training before; None: the model has it.

    Returns:
        The step. The model is as it was before it.
    """
    if start is not None:
        state.restore(model, start.arrays)
    backward, apply = _steps(model)
    last = _STEP.get() or 0
    for batch in batches:
        step = int(model.step.numpy())
        states = [v.numpy() for v in model.model.non_trainable_variables]
        gradients, finite = backward(batch)
        if step >= last or not finite.numpy():
            break
        apply(gradients)
        model.step.assign_add(1)
    # the layers see the same random numbers and statistics
    _assign(model.model.non_trainable_variables, states)
    found = _replayed(model, step, batch, gradients)
    _assign(model.model.non_trainable_variables, states)
    return found


def _steps(
    model: TrainingModel,
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A step in two halves: its gradients, and what they change."""
    strategy = model.distribute_strategy
    # an overflow of a scaled loss is met by a smaller scale
    is_scaled = hasattr(model.optimizer, "inner_optimizer")

    def parts(batch: Any) -> tuple[Gradients, tf.Tensor]:
        gradients, loss = model.backward(batch)
        checked = [loss] if is_scaled else [loss, *present(gradients)]
        return gradients, tf.reduce_all([_is_finite(x) for x in checked])

    def update(gradients: Gradients) -> None:
        model.optimizer.apply(gradients, model.tuning.variables)

    return (
        tf.function(lambda x: strategy.run(parts, (x,)), autograph=False),
        tf.function(lambda x: strategy.run(update, (x,)), autograph=False),
    )


def _assign(
    variables: Sequence[keras.Variable], values: Sequence[np.ndarray]
) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _is_finite(tensor: Any) -> tf.Tensor:
    return tf.reduce_all(tf.math.is_finite(_dense(tensor)))


def _dense(tensor: Any) -> tf.Tensor:
    """All numbers of a gradient, which of an embedding are some rows."""
    return tensor.values if isinstance(tensor, tf.IndexedSlices) else tensor


def _replayed(
    model: TrainingModel, step: int, batch: Any, gradients: Gradients
) -> Replayed:
    given = batch[0]
    inputs, targets, weights = model.through_frozen(batch)
    targets = model.taught(inputs, targets, training=True)
    outputs, layers = _outputs(model, inputs)
    losses = model.objective.loss(targets, outputs).numpy()
    by_layer = _by_layer(model, gradients)
    rows = [
        LayerRow(
            operation.name,
            _extent(tensors),
            _extent_or_none(getattr(operation, "weights", ())),
            _extent_or_none(by_layer.get(operation.name, ())),
        )
        for operation, tensors in layers
    ]
    rate = keras.ops.convert_to_numpy(model.optimizer.learning_rate)
    with np.errstate(invalid="ignore"):
        loss = np.mean(losses * weights.numpy())
    named = {"inputs": given, "targets": targets, "weights": weights}
    return Replayed(
        step,
        float(loss),
        float(rate),
        rows,
        losses,
        {name: x for kind in named for name, x in _arrays(kind, named[kind])},
    )


def _outputs(
    model: TrainingModel, inputs: Any
) -> tuple[Any, list[tuple[Any, list[tf.Tensor]]]]:
    """What a model gives in training, and what each of its layers does."""
    operations, symbols = [], []

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        found = operation(*args, **kwargs)
        operations.append(operation)
        symbols.append(keras.tree.flatten(found))
        return found

    # the layers may be part of other models too
    copy = keras.models.clone_model(
        model.model, clone_function=lambda layer: layer, call_function=call
    )
    probe = keras.Model(input_tensors(copy), [copy.output, symbols])
    run = partial(probe, training=True)
    outputs, tensors = model.objective.run(run, inputs)
    return outputs, list(zip(operations, tensors, strict=True))


def _by_layer(
    model: TrainingModel, gradients: Gradients
) -> dict[str, list[tf.Tensor]]:
    pairs = zip(model.tuning.variables, gradients, strict=True)
    found = {id(v): g for v, g in pairs if g is not None}
    return {
        layer.name: [found[id(w)] for w in layer.weights if id(w) in found]
        for layer in model.model.layers
    }


def _extent_or_none(tensors: Sequence[Any]) -> Extent | None:
    return _extent(tensors) if len(tensors) else None


def _extent(tensors: Sequence[Any]) -> Extent:
    arrays = [
        np.asarray(keras.ops.convert_to_numpy(_dense(x)), np.float64).ravel()
        for x in tensors
    ]
    numbers = np.concatenate(arrays)
    finite = np.isfinite(numbers)
    largest = np.abs(numbers[finite]).max(initial=0.0)
    return Extent(float(largest), bool(finite.all()))


def _arrays(kind: str, tensors: Any) -> Iterator[tuple[str, np.ndarray]]:
    if not isinstance(tensors, Mapping):
        yield kind, tensors.numpy()
        return
    for name, tensor in tensors.items():
        yield f"{kind}_{name}", tensor.numpy()
