"""Where in an image a convolutional network sees a class."""

import numpy as np
import tensorflow as tf

from keras_ptft.explanation.method import Prepared, Subject, is_image
from keras_ptft.explanation.spatial import halves

# the way back takes twice as long as the way there
_PASSES = 3


def grad_cam(subject: Subject) -> Prepared | None:
    """Grad-CAM: the last maps of features, weighted by their slopes.

    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks
    via Gradient-based Localization", equations 1 and 2: the weight of a map
    is the mean, over its places, of the derivative of the logit, and the
    positive part of the weighted sum is shown.

    Returns:
        What explains an answer by a map of shape (rows, columns), from 0
        on; None where the model is no convolutional one for images.
    """
    found = halves(subject.model) if is_image(subject.info.spec) else None
    if found is None:
        return None
    front, back = found

    def explain(example: tf.Tensor, output: int) -> np.ndarray:
        maps = front(example, training=False)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            logit = back(maps, training=False)[:, output]
        slopes = tape.gradient(logit, maps)
        weights = tf.reduce_mean(slopes, axis=(1, 2), keepdims=True)
        return tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))[0].numpy()

    return Prepared(explain, _PASSES)
