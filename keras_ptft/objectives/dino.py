"""Views sorted into clusters as an average of the model sorts the others."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError, check_range
from keras_ptft.objectives.self_taught import (
    LARGE,
    MOMENTUM,
    SMALL,
    SelfTaught,
    of_other_views,
)
from keras_ptft.objectives.views import comes_first
from keras_ptft.training.distribution.exchange import gathered

# of Sinkhorn and Knopp's algorithm, as in the second paper
_ROUNDS = 3
# the logarithm of no weight; infinity minus infinity would be no number
_NO = -1e9


class DINO(SelfTaught):
    """Sorts a view into clusters as a teacher sorts another view (DINO).

    Caron et al. 2021, "Emerging Properties in Self-Supervised Vision
    Transformers": the cross-entropy of the model's probabilities to those of
    the teacher, whose temperature is lower; the mean over the pairs of
    views. In place of a centre that is a state, the teacher's probabilities
    are balanced over the views of the batch, over all replicas, so that each
    cluster has as many (Sinkhorn and Knopp's algorithm, as in Oquab et al.
    2023, "DINOv2", section 4). So the loss depends on the batch size, and is
    reported with batches of 64.

    Args:
        info: see `Views`.
        clusters: how many there are; as many as views in a batch, or fewer,
            can be balanced well.
        temperature: what the model's cosines are divided by.
        teacher_temperature: what the teacher's are divided by.
        momentum: decay a step of the teacher's weights, where --ema sets
            none; see `BYOL`.
        view: see `Views`.
        crops: further, smaller views, which the teacher does not see.
        local: what makes one of them.
        width: of the projection, in which clusters have a direction each.
        hidden: see `Views`.

    Raises:
        UserError: a temperature out of its range; see `SelfTaught`.
    """

    compares = True

    def __init__(  # noqa: PLR0913, the settings are the user's
        self,
        info: DataInfo,
        /,
        *,
        clusters: int = 256,
        temperature: float = 0.1,
        teacher_temperature: float = 0.05,
        momentum: float = MOMENTUM,
        view: str = LARGE,
        crops: int = 0,
        local: str = SMALL,
        width: int = 128,
        hidden: int = 512,
    ) -> None:
        super().__init__(
            info,
            momentum=momentum,
            view=view,
            crops=crops,
            local=local,
            width=width,
            hidden=hidden,
        )
        check_range("clusters", clusters, 2)
        _check_temperatures(temperature, teacher_temperature)
        self.clusters = clusters
        self.temperature = temperature
        self.teacher_temperature = teacher_temperature

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, features) → cosines to the clusters (batch, clusters)."""
        projection = self.perceptron(features, "projection")
        directions = keras.layers.UnitNormalization(
            dtype="float32", name="directions"
        )
        clusters = keras.layers.Dense(
            self.clusters,
            use_bias=False,
            # of length 1 from the beginning, or nearly so
            kernel_initializer=keras.initializers.RandomNormal(
                stddev=self.width**-0.5
            ),
            kernel_constraint=keras.constraints.UnitNorm(axis=0),
            dtype="float32",
            name="clusters",
        )
        return clusters(directions(projection))

    def taught(
        self, targets: tf.Tensor, taught: tf.Tensor
    ) -> Mapping[str, tf.Tensor]:
        """Adds the teacher's probabilities (batch, 2, clusters).

        An example that is in the batch again, as where the last batch of an
        evaluation is filled up, does not count for the balance.
        """
        examples = targets[:, 1]
        counted = comes_first(gathered(examples))
        logits = taught / self.teacher_temperature
        shares = balanced(logits, gathered(logits), counted)
        return {"examples": examples, "shares": shares}

    def loss(
        self, targets: Mapping[str, tf.Tensor], outputs: tf.Tensor
    ) -> tf.Tensor:
        """Computes the cross-entropy, averaged over pairs, in nats."""
        logs = tf.nn.log_softmax(outputs / self.temperature)
        shared = tf.matmul(targets["shares"], logs, transpose_b=True)
        return -of_other_views(shared)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes none: the loss is no measure of the features."""
        return []


def balanced(
    logits: tf.Tensor, every: tf.Tensor, counted: tf.Tensor
) -> tf.Tensor:
    """Returns probabilities of which each cluster gets as many.

    Cuturi 2013, "Sinkhorn Distances", with logarithms, which cannot
    overflow.

    Args:
        logits: of some examples, float32 of shape (rows, views, clusters).
        every: of all of the batch.
        counted: bool of shape (batch,): which of these are to be balanced.

    Returns:
        As `logits`; those of a view add up to 1.
    """
    rows = tf.reshape(every, [-1, every.shape[-1]])
    views = tf.repeat(counted, every.shape[1])[:, None]
    shares, given = rows, tf.zeros_like(rows[0])
    for _ in range(_ROUNDS):
        given += tf.reduce_logsumexp(tf.where(views, shares, _NO), axis=0)
        shares = tf.nn.log_softmax(rows - given)
    return tf.nn.softmax(logits - given)


def _check_temperatures(model: float, teacher: float) -> None:
    if not 0.0 < model <= 10.0:
        raise UserError(
            "Setting 'temperature' must be above 0 and at most 10, as 0.1, "
            f"got {model}."
        )
    if not 0.0 < teacher < model:
        raise UserError(
            "Setting 'teacher_temperature' must be above 0 and below "
            f"'temperature', which is {model}, or the model learns to be "
            f"sure of nothing, got {teacher}: use {model / 2:g}."
        )
