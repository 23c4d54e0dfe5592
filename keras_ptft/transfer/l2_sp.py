"""A penalty on the distance from the pretrained weights."""

from collections.abc import Callable, Collection, Iterable

import keras
import tensorflow as tf


def l2_sp(
    layers: Iterable[keras.Layer],
    pretrained: keras.Model,
    trained: Collection[keras.Variable],
    strength: float,
) -> Callable[[], tf.Tensor]:
    """Makes the L2-SP penalty, strength / 2 · Σ (weight - pretrained)².

    Li et al. 2018, "Explicit Inductive Bias for Transfer Learning with
    Convolutional Networks", without its penalty of the new head.

    Args:
        layers: of the backbone, whose weights were transferred.
        pretrained: has layers of the same names with the pretrained weights,
            of which a copy is kept outside of any model.
        trained: variables; those of `layers` among them are drawn back.
        strength: of the penalty.

    Returns:
        () → penalty, a scalar.
    """
    known = set(map(id, trained))
    pairs = [
        (variable, tf.Variable(start, trainable=False, dtype=variable.dtype))
        for layer in layers
        for variable, start in zip(
            layer.weights,
            pretrained.get_layer(layer.name).get_weights(),
            strict=True,
        )
        if id(variable) in known
    ]

    def penalty() -> tf.Tensor:
        distances = [tf.nn.l2_loss(v.value - start) for v, start in pairs]
        return strength * tf.add_n([0.0, *distances])

    return penalty
