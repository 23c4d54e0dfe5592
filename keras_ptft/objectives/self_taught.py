"""What objectives have in common whose teacher is the model's average."""

from functools import partial
from typing import Any

import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import check_range
from keras_ptft.objectives.views import VIEWS, Views, changing

# with more, a batch takes more memory than anyone has
_MOST_CROPS = 16


class SelfTaught(Views):
    """Views for which the average of the model's own weights gives targets.

    The teacher sees the two large views alone; the model sees smaller ones
    too. Its weights at the end are the averages, which are better features
    than the latest weights (Caron et al. 2021, section 5.2).

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
