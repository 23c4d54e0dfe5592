"""What objectives have in common whose teacher is the model's average."""

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import check_range
from keras_ptft.objectives.views import VIEWS, Views, changing

# with more, a batch takes more memory than anyone has
_MOST_CROPS = 16

MOMENTUM = 0.95
"""Decay a step of the average that teaches: it is that of the last 20 steps.

The papers have 0.996 and more, for 300,000 steps. After a hundred steps such
an average would still have a part of the random weights; and Grill et al.
2020, table 5, lose little with 0.9 in a long training.
"""

LARGE = "simclr(area=[0.4, 1.0])"
"""Makes a view that the teacher sees: most of the image is in it."""

SMALL = "simclr(area=[0.05, 0.4])"
"""Makes one that the model sees alone (Caron et al. 2021, section 3.1)."""


class SelfTaught(Views):
    """Views for which the average of the model's own weights gives targets.

    The teacher sees the two large views alone; the model sees smaller ones
    too. Its weights at the end are the averages, which are better features
    than the latest weights (Caron et al. 2021, section 5.2).

    The hidden layer of the head is normalised over the batch, as in BYOL, so
    that not all images get nearly the same.

    Args:
        info: see `Views`.
        momentum: decay a step of the average, where --ema sets none.
        view: see `Views`.
        crops: how many smaller views there are.
        local: what makes one of them, of the size of the image again.
        width: see `Views`.
        hidden: see `Views`.

    Raises:
        UserError: a setting out of its range; see `Views`.
    """

    compares = False
    teacher = "average"

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        momentum: float,
        view: str,
        crops: int,
        local: str,
        width: int,
        hidden: int,
    ) -> None:
        super().__init__(info, view=view, width=width, hidden=hidden)
        # without an average there is no teacher
        check_range("momentum", momentum, 0.01, 0.99999)
        check_range("crops", crops, 0, _MOST_CROPS)
        self.momentum = momentum
        self.views += [changing("local", local)] * crops

    def seen_by_teacher(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the two large views."""
        return inputs[:, :VIEWS]

    def self_taught(self, targets: Any, outputs: Any) -> Any:
        """Makes the model, which has the averages, its own teacher."""
        return self.taught(targets, _large(outputs))

    def perceptron(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Applies a hidden layer and a linear one.

        Args:
            x: (batch, numbers).
            name: of the last layer, which begins the names of the others.

        Returns:
            float32 of shape (batch, width).
        """
        x = keras.layers.Dense(
            self.hidden, use_bias=False, name=f"{name}_hidden"
        )(x)
        x = normalized(x, f"{name}_bn")
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
        return keras.layers.Dense(
            self.width, use_bias=False, dtype="float32", name=name
        )(x)


def normalized(
    x: keras.KerasTensor, name: str, *, scale: bool = True
) -> keras.KerasTensor:
    """Normalises each number over the batch.

    Args:
        x: (batch, numbers).
        name: of the layer.
        scale: whether it learns a scale and an offset; without, the result
            is float32.
    """
    layer = keras.layers.BatchNormalization(
        # statistics that follow a short training
        momentum=0.9,
        center=scale,
        scale=scale,
        # over all replicas, so that results do not depend on their number
        synchronized=True,
        # the last layers of a head are float32 under any policy
        dtype=None if scale else "float32",
        name=name,
    )
    return layer(x)


def _large(outputs: Any) -> Any:
    """What a model gives for the two large views."""
    return tf.nest.map_structure(partial(_first, VIEWS), outputs)


def _first(count: int, views: tf.Tensor) -> tf.Tensor:
    return views[:, :count]


def of_other_views(similar: tf.Tensor) -> tf.Tensor:
    """Averages over the pairs of a teacher's view and another of the model.

    Args:
        similar: float32 of shape (batch, teacher's views, model's views),
            where both have the large views first.

    Returns:
        float32 of shape (batch,).
    """
    teacher, model = similar.shape[1:]
    others = 1.0 - tf.eye(teacher, model)
    total = tf.reduce_sum(similar * others, axis=(1, 2))
    return total / tf.reduce_sum(others)
