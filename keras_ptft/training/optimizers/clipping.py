"""Clipping of gradients that several replicas compute parts of."""

import keras
import tensorflow as tf

Gradients = list[tf.Tensor | None]


def clip_sum(optimizer: keras.optimizers.Optimizer) -> None:
    """Makes `global_clipnorm` limit the sum over replicas, in place.

    Keras clips the part of each replica before it adds them up, so what is
    trained would depend on their number. This adds the parts up once more,
    for their norm. Keras has no public name for its `_clip_gradients`.

    Args:
        optimizer: not used yet, with `global_clipnorm` set.
    """
    clip_alone = optimizer._clip_gradients

    def clip(gradients: Gradients) -> Gradients:
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return clip_alone(gradients)
        present = [gradient for gradient in gradients if gradient is not None]
        norm = tf.linalg.global_norm(context.all_reduce("SUM", present))
        limit = optimizer.global_clipnorm
        scale = limit / tf.maximum(norm, limit)
        return [None if g is None else g * scale for g in gradients]

    optimizer._clip_gradients = clip
