"""Learning rate schedules by name."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from keras_ptft.errors import UserError, check_range
from keras_ptft.registry import lookup

Schedule: TypeAlias = keras.optimizers.schedules.LearningRateSchedule
LearningRate: TypeAlias = float | Schedule


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly, then follows a schedule from its step 0.

    Goyal et al. 2017, "Accurate, Large Minibatch SGD", section 2.2.

    Args:
        peak: the learning rate that step `steps` reaches.
        steps: length of the rise; step 0 trains with peak / (steps + 1).
        then: (step after the rise, float32) → learning rate.
    """

    def __init__(
        self, peak: float, steps: int, then: Callable[[tf.Tensor], tf.Tensor]
    ) -> None:
        self.peak = peak
        self.steps = steps
        self.then = then

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        rising = self.peak * (step + 1.0) / (self.steps + 1.0)
        settled = self.then(tf.maximum(step - self.steps, 0.0))
        return tf.where(step < self.steps, rising, settled)

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "steps": self.steps, "then": self.then}


def constant(
    learning_rate: float, total_steps: int, /, *, warmup_steps: int = 0
) -> LearningRate:
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
        alpha: the last learning rate, as a fraction of the first.
        warmup_steps: steps of linear rise before.
    """
    check_range("alpha", alpha, 0.0, 1.0)
    steps = _decay_steps(total_steps, warmup_steps)

    def decay(step: tf.Tensor) -> tf.Tensor:
        done = tf.minimum(step / steps, 1.0)
        height = 0.5 * (1.0 + tf.cos(math.pi * done))
        return learning_rate * (alpha + (1.0 - alpha) * height)

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
        end: the last learning rate, as a fraction of the first.
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
        at: moments of a drop, as fractions of the training after the warm-up.
        factor: the learning rate is multiplied by this at each.
        warmup_steps: steps of linear rise before.
    """
    check_range("factor", factor, 0.0)
    for moment in at:
        check_range("at", moment, 0.0, 1.0)
    steps = _decay_steps(total_steps, warmup_steps)

    def drop(step: tf.Tensor) -> tf.Tensor:
        drops = tf.reduce_sum(
            tf.cast(step >= tf.constant(at) * steps, tf.float32)
        )
        return learning_rate * factor**drops

    return WarmUp(learning_rate, warmup_steps, drop)


SCHEDULES: dict[str, Callable[..., LearningRate]] = {
    "constant": constant,
    "cosine": cosine,
    "exponential": exponential,
    "piecewise": piecewise,
}


def make_schedule(
    schedule: str, learning_rate: float, total_steps: int
) -> LearningRate:
    """Makes a schedule written as a call.

    Args:
        schedule: an entry of SCHEDULES.
        learning_rate: the highest one.
        total_steps: steps of the whole training.

    Returns:
        A number if the learning rate never changes, or else a schedule.

    Raises:
        UserError: an unknown entry, or a setting out of its range.

    Example:

    >>> float(make_schedule("exponential(end=0.25)", 1.0, 100)(50))
    0.5
    """
    return lookup(SCHEDULES, schedule, "schedule")(learning_rate, total_steps)


def _decay_steps(total_steps: int, warmup_steps: int) -> int:
    check_range("warmup_steps", warmup_steps, 0)
    if warmup_steps >= total_steps:
        raise UserError(
            f"Setting 'warmup_steps' must be below the {total_steps} steps "
            f"of the training, got {warmup_steps}: train longer or warm up "
            "less."
        )
    return total_steps - warmup_steps
