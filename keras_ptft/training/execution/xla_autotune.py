"""Decides whether XLA makes a model's step faster, by timing it."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from keras_ptft.errors import first_line
from keras_ptft.training.distribution.strategies import (
    MakeBatches,
    all_reduce_mean,
    distributed,
)
from keras_ptft.training.execution.plan import Plan
from keras_ptft.training.training_model import TrainingModel, present

# compiling takes a second or more, which a short training never regains
_WORTH_SECONDS = 10.0
# a smaller difference is noise, and plain steps start sooner
_CLEARLY_FASTER = 0.9
_TRIAL_SECONDS = 0.4
_MOST_CALLS = 50


def autotune_xla(
    plan: Plan,
    make_model: Callable[..., TrainingModel],
    make_batches: MakeBatches,
    *,
    total_steps: int,
) -> Plan:
    """Turns XLA on or off where the plan leaves it open.

    Times the forward and backward pass on a real batch, both ways. Leaves
    weights, statistics and seeds of the model unchanged.

    Args:
        plan: with `jit_compile=None` where XLA is open.
        make_model: (plan=...) → the training model to time.
        make_batches: (shard=...) → the batches it will be trained on.
        total_steps: steps of the whole training.

    Returns:
        The plan with XLA on or off, the reason, and the seconds of a step
        if they were measured.
    """
    if plan.jit_compile is not None:
        return plan
    without = dataclasses.replace(plan, jit_compile=False)
    # an untraced step is an upper bound that a short training needs no more
    # than; tracing takes half a second
    for traced in (False, True) if plan.replicas == 1 else (True,):
        model = make_model(plan=without)
        plain = _step_seconds(model, make_batches, traced=traced)
        total = plain * total_steps
        if total < _WORTH_SECONDS:
            reason = f"{total:.1f} s of training at most: too short to gain"
            return dataclasses.replace(without, reason=reason)
    with_xla = dataclasses.replace(plan, jit_compile=True)
    try:
        compiled = _step_seconds(make_model(plan=with_xla), make_batches)
    except (tf.errors.OpError, ValueError, TypeError) as error:
        # only compiling shows which operations have no compiled form
        reason = f"it fails: {first_line(error)[:120]}"
        return dataclasses.replace(without, reason=reason)
    chosen = with_xla if compiled < plain * _CLEARLY_FASTER else without
    return dataclasses.replace(
        chosen,
        reason=f"{1e3 * compiled:.2f} ms a step with, "
        f"{1e3 * plain:.2f} ms without",
        step_seconds={"compiled": compiled, "plain": plain},
    )


def _step_seconds(
    model: TrainingModel, make_batches: MakeBatches, traced: bool = True
) -> float:
    """Returns the median seconds of a forward and backward pass.

    Two passes come first to warm up. Untraced passes take longer, and start
    at once.
    """
    strategy = model.distribute_strategy
    batch = next(iter(distributed(strategy, make_batches)))

    def backward(data: Any) -> tf.Tensor:
        gradients, loss = model.backward(data)
        # or TensorFlow would not compute the gradients
        with tf.control_dependencies(present(gradients)):
            return tf.identity(loss)

    def step(data: Any) -> tf.Tensor:
        parts = strategy.run(backward, args=(data,))
        return strategy.reduce("SUM", parts, axis=None)

    most = _MOST_CALLS if traced else 3
    run = tf.function(step, autograph=False) if traced else step
    seconds: list[float] = []
    with _state_restored(model):
        for _ in range(2):
            run(batch).numpy()
        while sum(seconds) < _TRIAL_SECONDS and len(seconds) < most:
            start = time.perf_counter()
            run(batch).numpy()
            spent = time.perf_counter() - start
            # workers must take the same number of steps and decide the same
            seconds.append(all_reduce_mean(strategy, spent))
    return sorted(seconds)[len(seconds) // 2]


@contextlib.contextmanager
def _state_restored(model: TrainingModel) -> Iterator[None]:
    """Restores the statistics and seeds that a pass changes."""
    variables = model.model.non_trainable_variables
    before = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
