"""A view predicted from another, as an average of the model sees it."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.objectives.self_taught import SelfTaught, of_other_views


class BYOL(SelfTaught):
    """Predicts what a teacher gives for the other view (BYOL).

    Grill et al. 2020, "Bootstrap Your Own Latent", equation 2: the squared
    distance of the prediction of one view to the teacher's projection of the
    other, both of length 1, which is 2 - 2 cos; here the mean over the pairs
    of views. No image is compared with another, so batches may be small. The
    batch normalisation in the head, over all replicas, is what keeps all
    images from getting the same (their section F); where it fails, the loss
    is small and --probe_every tells.

    Args:
        info: see `Views`.
        momentum: decay a step of the teacher's weights, where --ema sets
            none. The paper has 0.996 and more for 300,000 steps, in which a
            teacher of the last 250 steps is not late; of a thousand steps it
            is, and here it is that of the last 100.
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
        momentum: float = 0.99,
        view: str = "simclr",
        crops: int = 0,
        local: str = "simclr(area=[0.05, 0.4])",
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
        projection = self._perceptron(features, "projection")
        prediction = self._perceptron(projection, "prediction")
        return {"projection": projection, "prediction": prediction}

    def _perceptron(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Applies a hidden layer, normalised over the batch, and a linear."""
        x = keras.layers.Dense(
            self.hidden, use_bias=False, name=f"{name}_hidden"
        )(x)
        x = keras.layers.BatchNormalization(
            # statistics that follow a short training
            momentum=0.9,
            # over all replicas, so that results do not depend on their number
            synchronized=True,
            name=f"{name}_bn",
        )(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
        return keras.layers.Dense(
            self.width, use_bias=False, dtype="float32", name=name
        )(x)

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
