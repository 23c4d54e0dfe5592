"""Optimizers and learning rate schedules by name."""

import math

import keras
import tensorflow as tf

from keras_ptft.errors import UserError, check_range
from keras_ptft.registry import lookup
from keras_ptft.training.optimizers import fused_kernels

Schedule = keras.optimizers.schedules.LearningRateSchedule


def sgd(
    learning_rate: float | Schedule,
    /,
    *,
    momentum: float = 0.0,
    nesterov: bool = False,
) -> keras.optimizers.Optimizer:
    """Stochastic gradient descent (Sutskever et al. 2013 for momentum).

    Args:
        momentum: share of the last step that is repeated, below 1.
        nesterov: look ahead by the momentum first.
    """
    check_range("momentum", momentum, 0.0, 1.0)
    return fused_kernels.SGD(
        learning_rate, momentum=momentum, nesterov=nesterov
    )


def adam(
    learning_rate: float | Schedule,
    /,
    *,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> keras.optimizers.Optimizer:
    """Adam (Kingma and Ba 2015).

    Args:
        beta_1: decay of the gradients' mean.
        beta_2: decay of the gradients' squares.
        epsilon: added to the denominator.
    """
    check_range("beta_1", beta_1, 0.0, 1.0)
    check_range("beta_2", beta_2, 0.0, 1.0)
    check_range("epsilon", epsilon, 0.0)
    return fused_kernels.Adam(
        learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon
    )


def adamw(
    learning_rate: float | Schedule,
    /,
    *,
    weight_decay: float = 0.004,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> keras.optimizers.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    Biases and the scales of normalisation layers do not decay.

    Args:
        weight_decay: share of a weight taken off, times the learning rate.
        beta_1: decay of the gradients' mean.
        beta_2: decay of the gradients' squares.
        epsilon: added to the denominator.
    """
    check_range("weight_decay", weight_decay, 0.0)
    check_range("beta_1", beta_1, 0.0, 1.0)
    check_range("beta_2", beta_2, 0.0, 1.0)
    check_range("epsilon", epsilon, 0.0)
    optimizer = fused_kernels.AdamW(
        learning_rate,
        weight_decay=weight_decay,
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=epsilon,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


OPTIMIZERS = {"sgd": sgd, "adam": adam, "adamw": adamw}


class WarmUp(Schedule):
    """Rises linearly to a schedule, which then starts at its step 0.

    Goyal et al. 2017, "Accurate, Large Minibatch SGD", section 2.2.

    Args:
        peak: the learning rate that step `steps` reaches.
        steps: length of the rise; step 0 trains with peak / (steps + 1).
        then: (step) → learning rate, from the end of the rise on.
    """

    def __init__(self, peak: float, steps: int, then) -> None:
        self.peak = peak
        self.steps = steps
        self.then = then

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rising = self.peak * (step + 1.0) / (self.steps + 1.0)
        settled = self.then(tf.maximum(step - self.steps, 0.0))
        return tf.where(step < self.steps, rising, settled)

    def get_config(self) -> dict:
        return {"peak": self.peak, "steps": self.steps, "then": self.then}


def constant(
    learning_rate: float, total_steps: int, /, *, warmup_steps: int = 0
) -> float | Schedule:
    """The same learning rate throughout.

    Args:
        warmup_steps: steps of linear rise before.
    """
    _decay_steps(total_steps, warmup_steps)
    if not warmup_steps:
        # a number costs a small model a sixth less time than a schedule
        return learning_rate
    return WarmUp(
        learning_rate, warmup_steps, lambda _: tf.constant(learning_rate)
    )


def cosine(
    learning_rate: float,
    total_steps: int,
    /,
    *,
    alpha: float = 0.0,
    warmup_steps: int = 0,
) -> Schedule:
    """Half a cosine down to the end (Loshchilov and Hutter 2017).

    Args:
        alpha: the last learning rate, as a share of the first.
        warmup_steps: steps of linear rise before.
    """
    check_range("alpha", alpha, 0.0, 1.0)
    steps = _decay_steps(total_steps, warmup_steps)

    def decay(step: tf.Tensor) -> tf.Tensor:
        done = tf.minimum(step / steps, 1.0)
        share = 0.5 * (1.0 + tf.cos(math.pi * done))
        return learning_rate * (alpha + (1.0 - alpha) * share)

    return WarmUp(learning_rate, warmup_steps, decay)


def exponential(
    learning_rate: float,
    total_steps: int,
    /,
    *,
    end: float = 0.01,
    warmup_steps: int = 0,
) -> Schedule:
    """Falls by the same factor each step.

    Args:
        end: the last learning rate, as a share of the first.
        warmup_steps: steps of linear rise before.
    """
    check_range("end", end, 1e-12, 1.0)
    steps = _decay_steps(total_steps, warmup_steps)
    return WarmUp(
        learning_rate,
        warmup_steps,
        lambda step: learning_rate * end ** (step / steps),
    )


def piecewise(
    learning_rate: float,
    total_steps: int,
    /,
    *,
    at: tuple[float, ...] = (0.5, 0.75),
    factor: float = 0.1,
    warmup_steps: int = 0,
) -> Schedule:
    """Drops at chosen moments.

    Args:
        at: moments of a drop, as shares of the training after the warm-up.
        factor: the learning rate is multiplied by this at each.
        warmup_steps: steps of linear rise before.
    """
    check_range("factor", factor, 0.0)
    for share in at:
        check_range("at", share, 0.0, 1.0)
    steps = _decay_steps(total_steps, warmup_steps)

    def drop(step: tf.Tensor) -> tf.Tensor:
        drops = tf.reduce_sum(
            tf.cast(step >= tf.constant(at) * steps, tf.float32)
        )
        return learning_rate * factor**drops

    return WarmUp(learning_rate, warmup_steps, drop)


SCHEDULES = {
    "constant": constant,
    "cosine": cosine,
    "exponential": exponential,
    "piecewise": piecewise,
}


def make_optimizer(
    optimizer: str,
    schedule: str,
    *,
    learning_rate: float,
    total_steps: int,
    clip_norm: float = 0.0,
) -> keras.optimizers.Optimizer:
    """An optimizer that follows a schedule, both written as calls.

    Args:
        optimizer: a row of OPTIMIZERS.
        schedule: a row of SCHEDULES.
        learning_rate: the highest one.
        total_steps: steps of the whole training.
        clip_norm: largest global norm of the gradients; 0: no limit.

    Example:

    >>> adam = make_optimizer(
    ...     "adam", "cosine", learning_rate=0.01, total_steps=100
    ... )
    >>> round(float(adam.learning_rate), 4)
    0.01
    """
    rate = lookup(SCHEDULES, schedule, "schedule")(learning_rate, total_steps)
    made = lookup(OPTIMIZERS, optimizer, "optimizer")(rate)
    made.global_clipnorm = clip_norm or None
    if keras.config.dtype_policy().name == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(made)
    return made


def _decay_steps(total_steps: int, warmup_steps: int) -> int:
    check_range("warmup_steps", warmup_steps, 0)
    if warmup_steps >= total_steps:
        raise UserError(
            f"Setting 'warmup_steps' must be below the {total_steps} steps "
            f"of the training, got {warmup_steps}: train longer or warm up "
            "less."
        )
    return total_steps - warmup_steps
