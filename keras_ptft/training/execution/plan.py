"""Plans how training steps are executed: what is legal, and why."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.errors import UserError

# enough steps to hide the cost of one call, few enough to see progress
_STEPS_PER_CALL = 32
# a TPU is farther from the host, and done with a step sooner
_STEPS_PER_TPU_CALL = 256
# XLA has only plain loops for their gradients on a CPU
_DEPTHWISE = (
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """How training steps are executed.

    Attributes:
        strategy: class name of the `tf.distribute` strategy.
        replicas: copies of the model, each of which gets a part of each
            batch.
        jit_compile: whether XLA compiles the forward and backward pass;
            None: to be measured.
        steps_per_execution: steps a call to the device.
        reason: why XLA is on or off.
        resident: whether batches are gathered inside of the training loop,
            from rows that the device holds.
        step_seconds: of a forward and backward pass, "compiled" and
            "plain", where both were measured.
    """

    strategy: str
    replicas: int
    jit_compile: bool | None
    steps_per_execution: int
    reason: str
    resident: bool = False
    step_seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def on_tpu(self) -> bool:
        """Whether a TPU runs the steps, which compiles all of each."""
        return is_tpu(self.strategy)

    @property
    def compiles_pass(self) -> bool:
        """Whether XLA compiles the forward and backward pass on its own."""
        return bool(self.jit_compile) and not self.on_tpu

    def as_before(self, earlier: Mapping[str, Any]) -> "Plan":
        """Returns this plan with XLA as it was before the training stopped.

        A resumed training needs this: compiled steps round differently, and
        a new measurement may decide differently.

        Args:
            earlier: the fields of the plan then.
        """
        names = ("jit_compile", "reason", "step_seconds")
        return dataclasses.replace(self, **{n: earlier[n] for n in names})

    def single_steps(self) -> "Plan":
        """Returns this plan for a few steps that are looked at one by one."""
        return dataclasses.replace(
            self, jit_compile=False, steps_per_execution=1, resident=False
        )

    def __str__(self) -> str:
        xla = {True: "on", False: "off", None: "open"}[self.jit_compile]
        return (
            f"{self.strategy}, {self.replicas} replica(s), XLA {xla} "
            f"({self.reason}), {self.steps_per_execution} steps a call, "
            f"{'rows on the device' if self.resident else 'tf.data'}"
        )


def is_tpu(strategy: str) -> bool:
    """Returns whether a strategy, by the name of its class, is of a TPU.

    Example:

    >>> is_tpu("TPUStrategyV2"), is_tpu("MirroredStrategy")
    (True, False)
    """
    return strategy.startswith("TPUStrategy")


def make_plan(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    *,
    batch_size: int,
    steps_per_epoch: int,
    obstacle: str = "",
    jit_compile: str = "auto",
    steps_per_execution: int = 0,
) -> Plan:
    """Decides how to execute training steps.

    Args:
        strategy: decides the number of replicas.
        model: what is trained; some layers cannot be compiled.
        batch_size: examples a step, over all replicas.
        steps_per_epoch: steps after which metrics are read.
        obstacle: why XLA cannot be used, whatever the model; empty: it can.
        jit_compile: "true", "false", or "auto" to have it measured where it
            is legal (see `keras_ptft.training.execution.xla_autotune`).
        steps_per_execution: steps a call to the device; 0: chosen.

    A TPU compiles the whole step, whatever `obstacle` and `jit_compile` say.

    Returns:
        The plan; its `jit_compile` is None where XLA is to be measured.

    Raises:
        UserError: the settings contradict each other.
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
    name = type(strategy).__name__.lstrip("_")
    jit: bool | None = True
    if is_tpu(name):
        reason = _by_tpu(model)
        usual = _STEPS_PER_TPU_CALL
    else:
        obstacle = obstacle or _obstacle(model, replicas)
        jit, reason = _compile(jit_compile, obstacle, _drawback(model))
        usual = _STEPS_PER_CALL
    return Plan(
        strategy=name,
        replicas=replicas,
        jit_compile=jit,
        steps_per_execution=min(steps_per_execution or usual, steps_per_epoch),
        reason=reason,
    )


def _by_tpu(model: keras.Model) -> str:
    """Returns why a TPU compiles a model: it runs nothing else."""
    for layer in model.layers:
        if not layer.supports_jit:
            raise UserError(
                "--strategy=tpu runs what XLA compiles, and layer "
                f"{layer.name!r} does not support XLA: use another backbone, "
                "or --strategy=auto."
            )
    return "a TPU runs nothing else"


def _compile(
    jit_compile: str, obstacle: str, drawback: str
) -> tuple[bool | None, str]:
    if jit_compile == "false":
        return False, "requested"
    if jit_compile == "true" and not obstacle:
        return True, "requested"
    if jit_compile == "true":
        raise UserError(
            f"--jit_compile=true is impossible: {obstacle}; "
            "use --jit_compile=auto."
        )
    if reason := obstacle or drawback:
        return False, reason
    return None, "to be measured"


def _obstacle(model: keras.Model, replicas: int) -> str:
    """Returns why XLA cannot compile the model, or an empty string."""
    for layer in model.layers:
        if not layer.supports_jit:
            return f"layer {layer.name!r} does not support XLA"
        normalizes = isinstance(layer, keras.layers.BatchNormalization)
        # one that is not trainable runs in inference
        normalizes = normalizes and layer.trainable
        if replicas > 1 and normalizes and layer.synchronized:
            return f"layer {layer.name!r} communicates with other replicas"
    return ""


def _drawback(model: keras.Model) -> str:
    """Returns why XLA is known to be slow, or an empty string.

    To measure what is known would take minutes: one step of EfficientNet-Lite0
    took 33 s with XLA, and 0.6 s without.
    """
    if any(map(tf.config.list_logical_devices, ("GPU", "TPU"))):
        return ""
    for layer in model.layers:
        if isinstance(layer, _DEPTHWISE):
            return f"layer {layer.name!r} is slow with XLA on a CPU"
    return ""
