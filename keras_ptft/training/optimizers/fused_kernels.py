"""Keras's optimizers with one operation a variable and step.

Keras composes an update from some ten operations, and launching them takes
a small model longer than their arithmetic; TensorFlow has kernels that
compute the same formulas at once. Measured on 2 CPU cores, they save a tenth
of the step of the MLP in benchmarks/results.md. In return this module uses
three private names of Keras: `_get_variable_index`, `_momentums` and
`_velocities`. A test compares each class with Keras's own.
"""

import keras
import tensorflow as tf


class SGD(keras.optimizers.SGD):
    """Gradient descent, with or without momentum."""

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: keras.Variable,
        learning_rate: tf.Tensor,
    ) -> None:
        if isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
        elif self.momentum == 0:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=variable.handle,
                alpha=tf.cast(learning_rate, variable.dtype),
                delta=gradient,
            )
        else:
            index = self._get_variable_index(variable)
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=variable.handle,
                accum=self.momentums[index].value.handle,
                lr=tf.cast(learning_rate, variable.dtype),
                grad=gradient,
                momentum=tf.cast(self.momentum, variable.dtype),
                use_nesterov=self.nesterov,
            )


def _update_adam(
    self: keras.optimizers.Adam,
    gradient: tf.Tensor | tf.IndexedSlices,
    variable: keras.Variable,
    learning_rate: tf.Tensor,
) -> None:
    """Updates as Kingma and Ba 2015 do at the end of their section 2."""
    # every moment decays in every step, so slices would save nothing
    gradient = tf.convert_to_tensor(gradient)
    step = tf.cast(self.iterations + 1, variable.dtype)
    beta_1 = tf.cast(self.beta_1, variable.dtype)
    beta_2 = tf.cast(self.beta_2, variable.dtype)
    index = self._get_variable_index(variable)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=self._momentums[index].value.handle,
        v=self._velocities[index].value.handle,
        beta1_power=tf.pow(beta_1, step),
        beta2_power=tf.pow(beta_2, step),
        lr=tf.cast(learning_rate, variable.dtype),
        beta1=beta_1,
        beta2=beta_2,
        epsilon=tf.cast(self.epsilon, variable.dtype),
        grad=gradient,
    )


class Adam(keras.optimizers.Adam):
    """Adam."""

    update_step = _update_adam


class AdamW(keras.optimizers.AdamW):
    """Adam with decoupled weight decay."""

    update_step = _update_adam
