"""A view predicted from another, as an average of the model sees it."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.objectives.self_taught import (
    LARGE,
    MOMENTUM,
    SMALL,
    SelfTaught,
    normalized,
    of_other_views,
)


class BYOL(SelfTaught):
    """Predicts what a teacher gives for the other view (BYOL).

    Grill et al. 2020, "Bootstrap Your Own Latent", equation 2: the squared
    distance of the prediction of one view to the teacher's projection of the
    other, both of length 1, which is 2 - 2 cos; here the mean over the pairs
    of views. The projection is normalised over the batch, as by Chen and He
    2021, "Exploring Simple Siamese Representation Learning", section 4.4. No
    image is compared with another, so batches may be small. Where all images
    get the same, the loss is small, and --probe_every tells.

    Args:
        info: see `Views`.
        momentum: decay a step of the teacher's weights, where --ema sets
            none; long trainings may do better with more, as 0.99.
        view: see `Views`.
        crops: further, smaller views, which the teacher does not see.
        local: what makes one of them.
        width: see `Views`.
        hidden: width of the hidden layers of projection and prediction.

    Raises:
        UserError: see `SelfTaught`.
    """

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
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

    def head(self, features: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        """(batch, features) → projection and prediction (batch, width)."""
        projection = normalized(
            self.perceptron(features, "projection"),
            "projection_numbers",
            scale=False,
        )
        prediction = self.perceptron(projection, "prediction")
        return {"projection": projection, "prediction": prediction}

    def taught(
        self, targets: tf.Tensor, taught: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        """Returns the directions of the teacher's projections."""
        del targets
        return tf.math.l2_normalize(taught["projection"], axis=-1)

    def loss(
        self, targets: tf.Tensor, outputs: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        """Computes 2 - 2 cos, averaged over the pairs of views."""
        predicted = tf.math.l2_normalize(outputs["prediction"], axis=-1)
        cosines = tf.matmul(targets, predicted, transpose_b=True)
        return 2.0 - 2.0 * of_other_views(cosines)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes none: the loss is no measure of the features."""
        return []
