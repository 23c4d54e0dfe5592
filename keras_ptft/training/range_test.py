"""Finds a learning rate by trying many, from small to large."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.training.checkpointing import state
from keras_ptft.training.distribution.strategies import (
    MakeBatches,
    distributed,
)
from keras_ptft.training.training_model import TrainingModel

RATES = np.geomspace(1e-6, 10.0, 85)
"""The learning rates that are tried, twelve a decade."""

# share of the smoothed loss that is kept a step
_MOMENTUM = 0.8
# times the smallest loss: the training has diverged
_DIVERGED = 3.0
# of the steps of the descent: early in it learning is slow, late near an edge
_FAR = 0.75
# of the first loss: less is noise
_LEAST_FALL = 0.01


_Train: TypeAlias = Callable[[Any], dict[str, tf.Tensor]]


class RangeTest(NamedTuple):
    """What a range test saw.

    Attributes:
        rates: the learning rates, one a step, each larger than the last.
        losses: mean loss of the batch of each step, in nats or the unit of
            the objective.
        smoothed: the exponential mean of losses up to each.
        found: the learning rate to train with.
    """

    rates: Sequence[float]
    losses: Sequence[float]
    smoothed: Sequence[float]
    found: float


def range_test(model: TrainingModel, make_batches: MakeBatches) -> RangeTest:
    """Trains a step with each learning rate, then takes all steps back.

    Smith 2017, "Cyclical Learning Rates for Training Neural Networks",
    section 3.3, with rates that grow by the same factor each step. All
    workers must call this together.

    Args:
        model: one step a call, and an optimizer whose learning rate is a
            number, and that is used for nothing else.
        make_batches: (shard=...) → the batches it will be trained on.

    Raises:
        UserError: the loss falls at no learning rate.
    """
    before = state.capture(model)
    rates: list[float] = []
    losses: list[float] = []
    batches = iter(distributed(model.distribute_strategy, make_batches))
    model.make_train_function()
    for rate in RATES:
        loss = _loss_of_step(model, batches, rate)
        if not math.isfinite(loss):
            break
        rates.append(float(rate))
        losses.append(loss)
        means = smoothed(losses)
        if means[-1] > _DIVERGED * min(means):
            break
    state.restore(model, before)
    means = smoothed(losses)
    return RangeTest(rates, losses, means, suggested_rate(rates, means))


def _loss_of_step(model: TrainingModel, batches: Any, rate: float) -> float:
    with model.distribute_strategy.scope():
        model.optimizer.learning_rate.assign(rate)
    model.reset_metrics()
    return float(cast(_Train, model.train_function)(batches)["loss"])


def suggested_rate(rates: Sequence[float], losses: Sequence[float]) -> float:
    """Returns the learning rate three quarters of the way down the losses.

    Args:
        rates: learning rates, growing.
        losses: smoothed, one a rate.

    Raises:
        UserError: the losses do not fall.

    Example:

    >>> suggested_rate([0.1, 0.2, 0.4, 0.8], [4.0, 3.0, 2.0, 1.0])
    0.4
    """
    places = descent(losses)
    first, last = (places[0], places[-1]) if places else (0, 0)
    if not places or losses[last] > (1 - _LEAST_FALL) * losses[first]:
        raise UserError(
            "--learning_rate=find needs a loss that falls, and it fell at no "
            f"learning rate from {RATES[0]:g} to {RATES[-1]:g}: set a number, "
            "as --learning_rate=0.001."
        )
    return rates[first + round(_FAR * (last - first))]


def smoothed(losses: Sequence[float]) -> list[float]:
    """Returns the exponential mean of losses up to each one.

    It does not lean towards the first, as that of Kingma and Ba 2015.

    Example:

    >>> [round(mean, 3) for mean in smoothed([1.0, 1.0, 4.0])]
    [1.0, 1.0, 2.23]
    """
    mean, result = 0.0, []
    for count, loss in enumerate(losses, 1):
        mean = _MOMENTUM * mean + (1 - _MOMENTUM) * loss
        result.append(mean / (1 - _MOMENTUM**count))
    return result


def descent(values: Sequence[float]) -> list[int]:
    """Returns where the longest falling sequence within values lies.

    What rises in between is left out, so noise does not end it. Of several
    that are as long, it is the one that ends first.

    Example:

    >>> descent([5.0, 4.0, 4.5, 3.0, 9.0, 2.0, 10.0])
    [0, 1, 3, 5]
    """
    lengths = [1] * len(values)
    before: list[int | None] = [None] * len(values)
    for end in range(len(values)):
        for start in range(end):
            longer = lengths[start] + 1 > lengths[end]
            if values[end] < values[start] and longer:
                lengths[end], before[end] = lengths[start] + 1, start
    place: int | None = None
    if lengths:
        place = lengths.index(max(lengths))
    places = []
    while place is not None:
        places.append(place)
        place = before[place]
    return places[::-1]
