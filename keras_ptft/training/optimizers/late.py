"""Variables whose training begins after that of others.

Keras counts the updates of an optimizer, not those of each variable. This
module uses one private name of Keras, `_iterations`.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def start_late(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    begins: Sequence[int],
) -> None:
    """Makes an optimizer count the updates of each variable, in place.

    Kingma and Ba 2015, section 3: moments begin at 0, and are divided by what
    they lack after t updates. With the t of other variables, those of one
    that begins after 1,000 steps would lack far more: Adam would move it by
    up to 5 learning rates a step, and the z of schedule-free AdamW by 25.

    Args:
        optimizer: not used yet.
        variables: those it will update.
        begins: steps of the training before the first update of each.

    Example:

    >>> one, two = keras.Variable(1.0), keras.Variable(1.0)
    >>> adam = keras.optimizers.Adam(0.1)
    >>> adam.build([one, two])
    >>> start_late(adam, [one, two], [0, 1])
    >>> adam.apply([tf.constant(1.0)], [one])
    >>> adam.apply([tf.constant(1.0), tf.constant(1.0)], [one, two])
    >>> round(float(two), 3)
    0.9
    """
    # where the loss is scaled, this one updates the variables
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    update, done = inner.update_step, inner._iterations
    # an update gets a replica's copy, which has the key of the whole
    keys = map(inner._var_key, variables)
    by_key = dict(zip(keys, begins, strict=True))

    def update_step(
        gradient: tf.Tensor, variable: Any, learning_rate: Any
    ) -> None:
        begin = by_key[inner._var_key(variable)]
        # steps whose scaled loss overflowed are not counted
        inner._iterations = tf.maximum(done - begin, 0)
        try:
            update(gradient, variable, learning_rate)
        finally:
            inner._iterations = done

    inner.update_step = update_step
