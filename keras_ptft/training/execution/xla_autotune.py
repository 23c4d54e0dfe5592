"""Whether XLA makes a model's step faster, found by trying."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator

import tensorflow as tf

from keras_ptft.errors import first_line
from keras_ptft.training.distribution.strategies import (
    MakeBatches,
    all_reduce_mean,
    distributed,
)
from keras_ptft.training.execution.plan import Plan
from keras_ptft.training.training_model import TrainingModel, present

# compiling takes a second or more, which a short training never earns back
_WORTH_SECONDS = 10.0
# a difference below this is noise, and plain steps start sooner
_CLEARLY_FASTER = 0.9
_TRIAL_SECONDS = 0.4
_MOST_CALLS = 50


def autotune_xla(
    plan: Plan,
    make_loop: Callable[..., TrainingModel],
    make_batches: MakeBatches,
    *,
    total_steps: int,
) -> Plan:
    """Decides on XLA by timing the real step both ways, where it is open.

    What is timed is the forward and backward pass on a real batch. No
    weight, statistic or seed of the model is other afterwards.

    Args:
        plan: with `jit_compile=None` where XLA is open.
        make_loop: (plan=...) → the loop over the model to be trained.
        make_batches: (share=...) → what the loop will be trained on.
        total_steps: steps of the whole training.

    Returns:
        The plan with XLA on or off, the reason, and the seconds of a step
        where they were measured.
    """
    if plan.jit_compile is not None:
        return plan
    without = dataclasses.replace(plan, jit_compile=False)
    # tracing takes half a second, which a short training need not spend
    for traced in (False, True) if plan.replicas == 1 else (True,):
        loop = make_loop(plan=without)
        plain = _step_seconds(loop, make_batches, traced=traced)
        whole = plain * total_steps
        if whole < _WORTH_SECONDS:
            reason = f"{whole:.1f} s of training at most: too short to gain"
            return dataclasses.replace(without, reason=reason)
    with_xla = dataclasses.replace(plan, jit_compile=True)
    try:
        compiled = _step_seconds(make_loop(plan=with_xla), make_batches)
    except (tf.errors.OpError, ValueError, TypeError) as error:
        # operations without a compiled form are found only by compiling
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
    loop: TrainingModel, make_batches: MakeBatches, traced: bool = True
) -> float:
    """Median seconds of a forward and backward pass, after two to warm up.

    Untraced, operation by operation, it takes longer and starts at once.
    """
    strategy = loop.distribute_strategy
    data = next(iter(distributed(strategy, make_batches)))

    def backward(data):
        gradients, loss = loop.backward(data)
        # or TensorFlow would leave out what nobody asks for
        with tf.control_dependencies(present(gradients)):
            return tf.identity(loss)

    def step(data):
        parts = strategy.run(backward, args=(data,))
        return strategy.reduce("SUM", parts, axis=None)

    most = _MOST_CALLS if traced else 3
    step = tf.function(step, autograph=False) if traced else step
    seconds = []
    with _restored(loop):
        for _ in range(2):
            step(data).numpy()
        while sum(seconds) < _TRIAL_SECONDS and len(seconds) < most:
            start = time.perf_counter()
            step(data).numpy()
            spent = time.perf_counter() - start
            # workers must take the same steps and the same decision
            seconds.append(all_reduce_mean(strategy, spent))
    return sorted(seconds)[len(seconds) // 2]


@contextlib.contextmanager
def _restored(loop: TrainingModel) -> Iterator[None]:
    """Puts back what a pass moves in the model: statistics and seeds."""
    moving = loop.model.non_trainable_variables
    before = [variable.numpy() for variable in moving]
    try:
        yield
    finally:
        for variable, value in zip(moving, before, strict=True):
            variable.assign(value)
