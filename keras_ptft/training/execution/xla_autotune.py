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

# a smaller difference is noise, and plain steps start sooner
_CLEARLY_FASTER = 0.9
# of a training, what a trial may take: less than XLA wins where it is chosen
_TRIAL_SHARE = 0.05
# what compiling takes, to a factor of 2: on a CPU it took 0.6 s of an MLP (25
# operations), 3 s of a Transformer (1,262) and 21 s of EfficientNetV2 (5,404)
_COMPILE_SECONDS = 1.0
_SECONDS_AN_OPERATION = 0.004
_TIMED_SECONDS = 0.4
_MOST_CALLS = 50
_MOST_UNTRACED_CALLS = 5
# they cost nothing to compile
_NO_WORK = {"Const", "Identity", "NoOp", "Placeholder", "ReadVariableOp"}


def autotune_xla(
    plan: Plan,
    make_model: Callable[..., TrainingModel],
    make_batches: MakeBatches,
    *,
    total_steps: int,
) -> Plan:
    """Turns XLA on or off where the plan leaves it open.

    Times the forward and backward pass on a real batch, both ways, unless
    that would take a larger share of the training than XLA may win. Leaves
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
        timed = _Pass(make_model(plan=without), make_batches, traced)
        plain = timed.seconds()
        total = plain * total_steps
        if total * _TRIAL_SHARE < _COMPILE_SECONDS:
            reason = f"{total:.1f} s of training at most: too short to gain"
            return dataclasses.replace(without, reason=reason)
    trial = _COMPILE_SECONDS + _SECONDS_AN_OPERATION * timed.operations()
    trial += 2 * plain
    if total * _TRIAL_SHARE < trial:
        reason = f"trying takes {trial:.0f} s of {total:.0f} s of training"
        return dataclasses.replace(without, reason=reason)
    with_xla = dataclasses.replace(plan, jit_compile=True)
    try:
        compiled = _Pass(make_model(plan=with_xla), make_batches).seconds()
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


class _Pass:
    """A model's forward and backward pass on a batch.

    Args:
        model: gives the pass, and is left as it was.
        make_batches: (shard=...) → batches, of which one is taken.
        traced: whether TensorFlow makes a graph of the pass first.
    """

    def __init__(
        self,
        model: TrainingModel,
        make_batches: MakeBatches,
        traced: bool = True,
    ) -> None:
        self._model, self._traced = model, traced
        self._strategy = model.distribute_strategy
        self._batch = next(iter(distributed(self._strategy, make_batches)))
        self._function = tf.function(self._step, autograph=False)

    def seconds(self) -> float:
        """Returns the seconds of the fastest call.

        The first call of a traced pass does not count: it traces, compiles
        and warms up. Without a graph the first may be the only one, since
        its seconds are an upper bound too.
        """
        run, ignored, most = self._step, 0, _MOST_UNTRACED_CALLS
        if self._traced:
            run, ignored, most = self._function, 1, _MOST_CALLS
        taken: list[float] = []
        with _state_restored(self._model):
            while len(taken) <= ignored or (
                len(taken) < most and sum(taken[ignored:]) < _TIMED_SECONDS
            ):
                start = time.perf_counter()
                run(self._batch).numpy()
                spent = time.perf_counter() - start
                # workers must make as many calls and decide the same
                taken.append(all_reduce_mean(self._strategy, spent))
        return min(taken[ignored:])

    def operations(self) -> int:
        """Returns how many operations of the graph are to be compiled."""
        concrete = self._function.get_concrete_function(self._batch)
        graph = concrete.graph.as_graph_def()
        bodies = [graph.node, *(f.node_def for f in graph.library.function)]
        return sum(node.op not in _NO_WORK for body in bodies for node in body)

    def _step(self, batch: Any) -> tf.Tensor:
        parts = self._strategy.run(self._backward, args=(batch,))
        return self._strategy.reduce("SUM", parts, axis=None)

    def _backward(self, data: Any) -> tf.Tensor:
        gradients, loss = self._model.backward(data)
        # or TensorFlow would not compute the gradients
        with tf.control_dependencies(present(gradients)):
            return tf.identity(loss)


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
