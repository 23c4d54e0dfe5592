"""AdamW without a schedule, which gives the average of its steps.

Keras's `ScheduleFreeAdamW` (3.14 and 3.15) has the same idea, but it computes
the average from the steps after it has overwritten them, lets weight decay
change the model alone, and never puts the average into the model. This one
keeps the average where Keras keeps those of `use_ema`, so whatever evaluates
or saves averages does so with it. For that it uses three private names of
Keras: `_get_variable_index`, `_model_variables_moving_average` and
`_update_model_variables_moving_average`.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class ScheduleFreeAdamW(keras.optimizers.Optimizer):
    """Schedule-free AdamW (Defazio et al. 2024, "The Road Less Scheduled").

    Its section 2: z takes Adam's steps, x is the average of all z, and
    gradients are those at y = beta_1 x + (1 - beta_1) z, which the model
    holds in training. A step is weighted by the square of its learning rate,
    which is lower in the warm-up alone. What is kept besides y is z - x: it
    starts at 0, whatever the weights are.

    Args:
        learning_rate: after the warm-up.
        warmup_steps: steps in which the learning rate rises linearly.
        weight_decay: fraction of a weight taken off, times the learning rate.
        beta_1: how far y is from z to x.
        beta_2: decay of the gradients' squares.
        epsilon: added to the denominator.

    Example:

    >>> optimizer = ScheduleFreeAdamW(0.1)
    >>> weights = [keras.Variable(1.0)]
    >>> optimizer.apply([tf.constant(2.0)], weights)
    >>> round(float(weights[0]), 4)
    0.9
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        warmup_steps: int = 0,
        weight_decay: float = 0.0,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, use_ema=True)
        self.warmup_steps = warmup_steps
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._gaps, self._velocities = self.add_optimizer_variables(
            variables, ["gap", "velocity"]
        )

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: Any,
        learning_rate: tf.Tensor,
    ) -> None:
        index = self._get_variable_index(variable)
        gap, velocity = self._gaps[index], self._velocities[index]
        step = tf.cast(self.iterations + 1, variable.dtype)
        rate, share = self._rate_and_share(learning_rate, step)
        # all moments decay in every step, so slices would save nothing
        gradient = tf.convert_to_tensor(gradient)
        squares = self.beta_2 * velocity + (1 - self.beta_2) * gradient**2
        unbiased = squares / (1 - self.beta_2**step)
        change = gradient / (tf.sqrt(unbiased) + self.epsilon)
        if self._use_weight_decay(variable):
            change += self.weight_decay * variable
        away = 1 - self.beta_1
        # from x to the next z
        moved = gap - rate * change
        self.assign(velocity, squares)
        self.assign_add(
            variable,
            share * moved + away * ((1 - share) * moved - gap),
        )
        self.assign(gap, (1 - share) * moved)

    def _rate_and_share(
        self, learning_rate: tf.Tensor, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The learning rate of a step, and its share of the average."""
        if not self.warmup_steps:
            return tf.cast(learning_rate, step.dtype), 1 / step
        risen = tf.minimum(step / self.warmup_steps, 1.0)
        within = tf.minimum(step, self.warmup_steps)
        # the sum of the squares of 1 to `within`, as a part of the last
        sum_within = within * (within + 1) * (2 * within + 1) / 6
        weights = sum_within / self.warmup_steps**2 + step - within
        return tf.cast(learning_rate, step.dtype) * risen, risen**2 / weights

    def _apply_weight_decay(self, variables: Sequence[keras.Variable]) -> None:
        """Does nothing: z decays, in its step."""

    def _update_model_variables_moving_average(
        self, trainable_variables: Sequence[keras.Variable]
    ) -> None:
        """Stores x."""
        averages = self._model_variables_moving_average
        for variable, gap, average in zip(
            trainable_variables, self._gaps, averages, strict=True
        ):
            average.assign(variable - (1 - self.beta_1) * gap)

    def get_config(self) -> dict[str, Any]:
        names = "learning_rate", "weight_decay"
        base = super().get_config()
        own = "warmup_steps", "beta_1", "beta_2", "epsilon"
        return {name: base[name] for name in names} | {
            name: getattr(self, name) for name in own
        }
