"""How the steps of a run are executed: what is legal, and why so."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.errors import UserError

# enough steps to hide the cost of one call, few enough to see progress
_STEPS_A_CALL = 32


@dataclasses.dataclass(frozen=True)
class Plan:
    """How training steps are executed.

    Attributes:
        strategy: class name of the `tf.distribute` strategy.
        replicas: copies of the model that share each batch.
        jit_compile: whether XLA compiles the forward and backward pass;
            None: still to be measured.
        steps_per_execution: steps a call to the device.
        reason: why XLA is on or off.
        step_seconds: of a forward and backward pass, "compiled" and
            "plain", where both were measured.
    """

    strategy: str
    replicas: int
    jit_compile: bool | None
    steps_per_execution: int
    reason: str
    step_seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def as_before(self, earlier: Mapping[str, Any]) -> "Plan":
        """This plan with XLA as it was when the training began.

        Compiled steps end in other bits than plain ones, and what timing
        them says may differ from one time to the next.

        Args:
            earlier: the fields of the plan then.
        """
        return dataclasses.replace(
            self,
            jit_compile=earlier["jit_compile"],
            reason=earlier["reason"],
            step_seconds=earlier["step_seconds"],
        )

    def __str__(self) -> str:
        xla = {True: "on", False: "off", None: "open"}[self.jit_compile]
        return (
            f"{self.strategy}, {self.replicas} replica(s), XLA {xla} "
            f"({self.reason}), {self.steps_per_execution} steps a call"
        )


def make_plan(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    *,
    batch_size: int,
    steps_per_epoch: int,
    deterministic: bool = False,
    jit_compile: str = "auto",
    steps_per_execution: int = 0,
) -> Plan:
    """Chooses how to execute training steps, or says what is illegal.

    Args:
        strategy: decides the number of replicas.
        model: what is trained; some layers cannot be compiled.
        batch_size: examples a step, over all replicas.
        steps_per_epoch: steps between two looks at the metrics.
        deterministic: whether only deterministic operations may run.
        jit_compile: "true", "false", or "auto" to leave it open where it
            is legal (see `keras_ptft.training.execution.xla_autotune`).
        steps_per_execution: steps a call to the device; 0: chosen.

    Raises:
        UserError: settings that contradict each other.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        nearest = max(batch_size - batch_size % replicas, replicas)
        raise UserError(
            f"--batch_size must be a multiple of the {replicas} replicas, "
            f"got {batch_size}: use {nearest}."
        )
    if not steps_per_epoch:
        raise UserError(
            f"--batch_size={batch_size} is more than the training examples: "
            "make it smaller or take more examples."
        )
    obstacle = _obstacle(model, replicas, deterministic)
    jit, reason = _compile(jit_compile, obstacle)
    return Plan(
        strategy=type(strategy).__name__.lstrip("_"),
        replicas=replicas,
        jit_compile=jit,
        steps_per_execution=min(
            steps_per_execution or _STEPS_A_CALL, steps_per_epoch
        ),
        reason=reason,
    )


def _compile(jit_compile: str, obstacle: str) -> tuple[bool | None, str]:
    if jit_compile == "false":
        return False, "asked for"
    if jit_compile == "true" and not obstacle:
        return True, "asked for"
    if jit_compile == "true":
        raise UserError(
            f"--jit_compile=true is impossible: {obstacle}; "
            "use --jit_compile=auto."
        )
    return (False, obstacle) if obstacle else (None, "to be measured")


def _obstacle(model: keras.Model, replicas: int, deterministic: bool) -> str:
    """Why XLA cannot compile the model, or nothing."""
    if deterministic:
        return "not every compiled operation is deterministic"
    for layer in model.layers:
        if not layer.supports_jit:
            return f"layer {layer.name!r} does not support XLA"
        if replicas > 1 and getattr(layer, "synchronized", False):
            return f"layer {layer.name!r} talks to the other replicas"
    return ""
