"""Gradients of a private training: clipped for each example, with noise.

Abadi et al. 2016, "Deep Learning with Differential Privacy".
"""

import logging
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.errors import UserError
from keras_ptft.training.gradients import Found, Learner
from keras_ptft.training.layer_gradients import LayerGradients
from keras_ptft.training.noise import normals
from keras_ptft.training.tuning import Clipping

_LOG = logging.getLogger("keras_ptft")
# what draws random numbers says how many by one of these
_RATES = ("rate", "dropout", "_dropout", "recurrent_dropout", "stddev")


class ClippedGradients:
    """The sum of clipped gradients, with noise, over the expected batch size.

    Where only dense layers and convolutions are trained, the norm of each
    example's gradient comes from the inputs and the gradients of the outputs
    of each layer (Goodfellow 2015, "Efficient Per-Example Gradient
    Computations"; Bu et al. 2022, "Scalable and Efficient Training of Large
    Convolutional Neural Networks with Differential Privacy"), for not much
    more than a step without privacy. Otherwise every example's gradient is
    computed on its own, by `tf.vectorized_map`.

    What the loss has of weights alone is not of the data, and is added after
    clipping.

    Args:
        learner: what is trained.
        clipping: the largest norm, and the noise.

    Raises:
        UserError: the gradient of an example would depend on others, or
            could not be computed on its own.
    """

    def __init__(self, learner: Learner, clipping: Clipping) -> None:
        self._learner, self._clipping = learner, clipping
        check_separable(learner.model)
        layers = LayerGradients.of(learner.model, learner.tuning.variables)
        self._layers = layers
        if layers is None:
            _LOG.info(
                "Privacy: the gradient of each example is computed on its "
                "own, %s numbers an example: --gradient_accumulation takes "
                "fewer at a time.",
                f"{learner.tuning.size:,}",
            )

    def __call__(self, inputs: Any, targets: Any, weights: tf.Tensor) -> Found:
        """Computes a part's contribution without noise: see `Rule`."""
        found = None
        if self._layers is not None:
            found = self._by_layers(self._layers, inputs, targets, weights)
        if found is None:
            found = self._one_by_one(inputs, targets, weights)
        sums, outputs, losses = found
        with tf.GradientTape() as tape:
            penalty = self._learner.penalty()
        added = tape.gradient(
            penalty, self._learner.values, unconnected_gradients="zero"
        )
        size = float(self._clipping.batch_size)
        pairs: Any = zip(sums, added, strict=True)
        gradients: list[tf.Tensor | None] = [
            total / size + tf.convert_to_tensor(more) for total, more in pairs
        ]
        return gradients, outputs, losses

    def finished(
        self, gradients: list[tf.Tensor | None], step: tf.Tensor
    ) -> list[tf.Tensor | None]:
        """Adds a replica's noise.

        That of all replicas together has the standard deviation that was
        accounted.
        """
        replicas = self._learner.replicas
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
        shapes = [variable.shape for variable in self._learner.values]
        number = tf.cast(step, tf.int64) * replicas + replica
        noise = normals(shapes, self._clipping.key, number)
        scale = self._clipping.noise_multiplier * self._clipping.clip
        scale /= replicas**0.5 * self._clipping.batch_size
        return [
            gradient + scale * part
            for gradient, part in zip(gradients, noise, strict=True)
        ]

    def _factors(self, squares: tf.Tensor) -> tf.Tensor:
        """What gradients of these squared norms are multiplied by."""
        clip = self._clipping.clip
        return clip / tf.maximum(tf.sqrt(squares), clip)

    def _by_layers(
        self,
        layers: LayerGradients,
        inputs: Any,
        targets: Any,
        weights: tf.Tensor,
    ) -> Found | None:
        """None where the objective runs the model in a way of its own."""
        objective = self._learner.objective
        with tf.GradientTape() as tape:
            outputs = objective.run(layers.forward, inputs)
            losses = objective.loss(targets, outputs)
            loss = tf.reduce_sum(losses * weights)
        seen = layers.seen(weights.shape[0])
        if seen is None:
            return None
        passed = tape.gradient(
            loss, [y for _, y in seen], unconnected_gradients="zero"
        )
        found = layers.parts(seen, passed)
        squares = tf.add_n([part.squares() for part in found])
        sums = layers.in_order(found, self._factors(squares))
        return sums, outputs, losses

    def _one_by_one(
        self, inputs: Any, targets: Any, weights: tf.Tensor
    ) -> Found:
        _check_mapped(self._learner.model)
        objective, values = self._learner.objective, self._learner.values

        def one(example: Any) -> Found:
            alone = tf.nest.map_structure(lambda part: part[None], example)
            inputs, targets, weights = alone
            with tf.GradientTape() as tape:
                outputs = objective.run(self._learner.forward, inputs)
                losses = objective.loss(targets, outputs)
                loss = tf.reduce_sum(losses * weights)
            found = tape.gradient(loss, values, unconnected_gradients="zero")
            # of an embedding they are slices
            gradients = list(map(tf.convert_to_tensor, found))
            squares = [tf.reduce_sum(tf.square(g)) for g in gradients]
            factor = self._factors(tf.add_n(squares))
            outputs = tf.nest.map_structure(lambda part: part[0], outputs)
            return [factor * g for g in gradients], outputs, losses[0]

        clipped, outputs, losses = tf.vectorized_map(
            one, (inputs, targets, weights)
        )
        return [tf.reduce_sum(g, axis=0) for g in clipped], outputs, losses


def check_separable(model: keras.Model) -> None:
    """Refuses what makes the gradient of an example depend on others.

    Args:
        model: what is trained, frozen as far as it is frozen at last.

    Raises:
        UserError: an example would change what the others give.
    """
    if keras.config.dtype_policy().name == "mixed_float16":
        raise UserError(
            "--privacy needs gradients that fit their numbers, which those of "
            "--precision=mixed_float16 do only when they are scaled by what "
            "the batch holds: use mixed_bfloat16 or float32."
        )
    for layer in model._flatten_layers():
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        if is_norm and layer.trainable:
            raise UserError(
                "--privacy needs examples that do not depend on each other, "
                f"but layer {layer.name!r} normalises over the batch: "
                "fine-tune from weights, where --batchnorm=frozen holds it, "
                "or use another --backbone, as mlp."
            )
        if getattr(layer, "activity_regularizer", None) is not None:
            raise UserError(
                f"--privacy cannot clip what layer {layer.name!r} adds to the "
                "loss by its activity_regularizer: leave it out."
            )


def _check_mapped(model: keras.Model) -> None:
    """Refuses layers that would draw the same for each example."""
    for layer in model._flatten_layers():
        drawing = getattr(layer, "seed_generator", None) is not None
        rates = [getattr(layer, name, 0) for name in _RATES]
        if drawing and any(isinstance(r, float) and r > 0 for r in rates):
            raise UserError(
                f"--privacy would draw the same random numbers in layer "
                f"{layer.name!r} for all examples of a batch: set its rate "
                "to 0, or train dense layers and convolutions alone."
            )
