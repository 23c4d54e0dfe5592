"""Features that are learned from those of another model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.pipeline.batching import unweighted
from keras_ptft.errors import UserError
from keras_ptft.objectives.feature_objective import FeatureObjective
from keras_ptft.objectives.objective import Batch, TeacherFacts

_PROJECTION = "projection"


class FeatureMatching(FeatureObjective):
    """Predicts the features that a teacher gives for the same input.

    Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", of the last
    features; LightlyTrain pretrains so from DINOv2. A linear projection of
    the student's features to the width of the teacher's is the head, which
    stays behind. No labels are needed, nor many examples: what an image has
    to be told from is in the teacher's features.

    It is scored by what its features are worth: there is no loss without
    the teacher. `keras.distillation.FeatureDistillation` is not used: it has
    no projection, so both must give as many features, and it gives one number
    a batch, where batches are summed here by example.

    Args:
        info: what is known of the data; labels are not needed.
        distance: "cosine", 1 - the cosine of prediction and features, or
            "mse", the mean squared difference, for which their size counts
            too.

    Raises:
        UserError: another distance.
    """

    teacher = "model"
    teacher_gives = "features"
    head_begins = _PROJECTION

    def __init__(self, info: DataInfo, /, *, distance: str = "cosine") -> None:
        super().__init__(info)
        if distance not in _DISTANCES:
            raise UserError(
                f"Setting 'distance' must be one of {', '.join(_DISTANCES)}, "
                f"got {distance!r}."
            )
        self._distance = _DISTANCES[distance]
        self._width = 1

    def follow(self, teacher: TeacherFacts) -> None:
        """Takes the width of the teacher's features."""
        self._width = teacher.width

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Changes nothing: every example weighs 1."""
        return unweighted(inputs, labels, seeds)

    def soft_targets(self, labels: tf.Tensor) -> tf.Tensor:
        """Returns labels as numbers: they are not learned, and may blend."""
        return tf.cast(labels, tf.float32)

    def taught(self, targets: Any, taught: tf.Tensor) -> tf.Tensor:
        """Returns the teacher's features in place of the labels."""
        del targets
        return tf.cast(taught, tf.float32)

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, features) → (batch, features of the teacher), float32."""
        layer = keras.layers.Dense(
            self._width, dtype="float32", name=_PROJECTION
        )
        return layer(features)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the distance of each prediction."""
        return self._distance(targets, outputs)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes none: the loss says how near the features are."""
        return []

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Counts the examples: without the teacher there is no loss."""
        del model
        return {"examples": len(source)}


def cosine_distance(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Computes 1 - the cosine of two vectors of each example, (batch,).

    Example:

    >>> east, north = tf.constant([[2.0, 0.0]]), tf.constant([[0.0, 3.0]])
    >>> [float(cosine_distance(east, x)[0]) for x in (east, north, -east)]
    [0.0, 1.0, 2.0]
    """
    # Keras gives it negative
    return 1.0 + keras.losses.cosine_similarity(targets, outputs)


_DISTANCES: Mapping[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "cosine": cosine_distance,
    "mse": keras.losses.mean_squared_error,
}
