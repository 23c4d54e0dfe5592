"""Supervised classification."""

from functools import partial

import keras
import numpy as np
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from keras_ptft.data.pipeline.batching import unweighted
from keras_ptft.errors import UserError
from keras_ptft.models import heads
from keras_ptft.objectives.objective import Objective, Task


def classification(task: Task, /, *, label_smoothing: float = 0.0) -> Objective:
    """One label an example; cross-entropy from logits.

    Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7:
    the target is (1 - s) for the label plus s / classes for every class.

    Args:
        task: what is known of the data; its labels count.
        label_smoothing: s, from 0 to less than 1.

    Raises:
        UserError: label_smoothing out of its range, or no label an example.

    Example:

    >>> loss = classification(Task(("a", "b", "c", "d"))).loss
    >>> float(loss(tf.constant([2]), tf.zeros((1, 4)))[0])  # log(4)
    1.3862943649291992
    """
    if not 0.0 <= label_smoothing < 1.0:
        raise UserError(
            "Setting 'label_smoothing' of objective 'classification' must "
            f"be from 0 to less than 1, got {label_smoothing}."
        )
    classes = len(task.label_names)
    if not classes or task.tagged:
        raise UserError(
            "Objective 'classification' needs a label an example, this data "
            f"set has {'a tag a word' if task.tagged else 'none'}: use "
            f"--objective={'tagging' if task.tagged else 'masked_tokens'}."
        )

    def loss(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return keras.losses.categorical_crossentropy(
            tf.one_hot(targets, classes),
            logits,
            from_logits=True,
            label_smoothing=label_smoothing,
        )

    return Objective(
        transform=unweighted,
        assemble=partial(
            heads.on,
            layer_name="features",
            head=partial(heads.classify, classes=classes),
        ),
        loss=loss,
        metrics=lambda: [keras.metrics.SparseCategoricalAccuracy("accuracy")],
    )


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """Weights by which every class counts alike: n / (classes * count).

    Args:
        labels: of the training split, each class at least once.

    Returns:
        float32 array of shape (classes,), with mean 1 over the examples.

    Example:

    >>> balanced_weights(np.array([0, 0, 0, 1])).tolist()
    [0.6666666865348816, 2.0]
    """
    classes = np.unique(labels)
    weights = compute_class_weight("balanced", classes=classes, y=labels)
    return weights.astype(np.float32)
