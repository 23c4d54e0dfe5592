"""A learning rate of its own for each variable."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf


def scale_learning_rates(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    factors: Sequence[float],
) -> None:
    """Multiplies the learning rate of each variable by a factor, in place.

    Whatever the optimizer does with a learning rate it does with the scaled
    one, decoupled weight decay too. Keras passes the rate to an update, but
    weight decay reads it, so it is replaced while a variable decays. In this
    the module uses three private names of Keras: `_var_key`,
    `_get_current_learning_rate` and `_apply_weight_decay`.

    Args:
        optimizer: not used yet.
        variables: those it will update.
        factors: one a variable.

    Example:

    >>> one, two = keras.Variable(1.0), keras.Variable(1.0)
    >>> sgd = keras.optimizers.SGD(0.5)
    >>> scale_learning_rates(sgd, [one, two], [1.0, 0.5])
    >>> sgd.apply([tf.constant(1.0), tf.constant(1.0)], [one, two])
    >>> float(one), float(two)
    (0.5, 0.75)
    """
    # where the loss is scaled, this one updates the variables
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    update, decay = inner.update_step, inner._apply_weight_decay
    current_rate = inner._get_current_learning_rate
    # an update gets a replica's copy, which has the key of the whole
    keys = map(inner._var_key, variables)
    by_key = dict(zip(keys, factors, strict=True))

    def factor_of(variable: Any) -> float:
        return by_key[inner._var_key(variable)]

    def scaled_rate(factor: float) -> tf.Tensor:
        return current_rate() * factor

    def update_step(
        gradient: tf.Tensor, variable: Any, learning_rate: Any
    ) -> None:
        update(gradient, variable, learning_rate * factor_of(variable))

    def apply_weight_decay(variables: Sequence[keras.Variable]) -> None:
        for variable in variables:
            scaled = partial(scaled_rate, factor_of(variable))
            inner._get_current_learning_rate = scaled
            decay([variable])
        inner._get_current_learning_rate = current_rate

    inner.update_step = update_step
    inner._apply_weight_decay = apply_weight_decay
