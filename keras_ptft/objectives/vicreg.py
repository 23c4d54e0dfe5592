"""Views of one image drawn together, while features stay spread out."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import check_range
from keras_ptft.objectives.views import VIEWS, Views
from keras_ptft.training.distribution.exchange import gathered

# below the root: a slope where all rows are alike
_EPSILON = 1e-4


class VICReg(Views):
    """Invariance of views, with variance and covariance kept (VICReg).

    Bardes et al. 2022, "VICReg: Variance-Invariance-Covariance
    Regularization", section 4.1. No other image is a negative example, so
    batches may be small. Of each number of the projection, the standard
    deviation over the batch is held above 1, and its covariance with the
    others near 0, so that not all images get the same.

    Args:
        info: see `Views`.
        invariance: weight of the squared difference of the views.
        variance: weight of what standard deviations lack to 1.
        covariance: weight of the squared covariances.
        view: see `Views`.
        width: see `Views`.
        hidden: see `Views`.

    Raises:
        UserError: a weight out of its range; see `Views`.
    """

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        view: str = "simclr",
        width: int = 256,
        hidden: int = 512,
    ) -> None:
        super().__init__(info, view=view, width=width, hidden=hidden)
        self.terms = {
            "invariance": invariance,
            "variance": variance,
            "covariance": covariance,
        }
        for name, weight in self.terms.items():
            check_range(name, weight, 0.0, 1e6)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the three terms; the last two are those of the batch."""
        del targets
        one, other = tf.unstack(outputs, axis=1)
        differences = tf.reduce_mean(tf.square(one - other), axis=1)
        views = tf.unstack(gathered(outputs), axis=1)
        lacking = tf.add_n(list(map(_lacking, views))) / VIEWS
        shared = tf.add_n(list(map(_shared, views)))
        return (
            self.terms["invariance"] * differences
            + self.terms["variance"] * lacking
            + self.terms["covariance"] * shared
        )

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes none: the loss is no measure of the features."""
        return []


def _lacking(rows: tf.Tensor) -> tf.Tensor:
    """What standard deviations lack to 1, averaged over the numbers."""
    count = tf.cast(tf.shape(rows)[0], tf.float32)
    variance = tf.math.reduce_variance(rows, axis=0) * count / (count - 1.0)
    return tf.reduce_mean(tf.nn.relu(1.0 - tf.sqrt(variance + _EPSILON)))


def _shared(rows: tf.Tensor) -> tf.Tensor:
    """Squared covariances of different numbers, summed, per number."""
    count = tf.cast(tf.shape(rows)[0], tf.float32)
    centered = rows - tf.reduce_mean(rows, axis=0)
    covariance = tf.matmul(centered, centered, transpose_a=True) / (count - 1.0)
    squares = tf.square(covariance)
    off_diagonal = tf.reduce_sum(squares) - tf.linalg.trace(squares)
    return off_diagonal / tf.cast(tf.shape(rows)[1], tf.float32)
