"""By how many quarter turns was an image rotated?"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.feature_objective import FeatureObjective
from keras_ptft.objectives.image_data import image_spec
from keras_ptft.objectives.objective import Batch

_TURNS = 4
_HEAD = "rotation"
_STREAM = 6


class Rotation(FeatureObjective):
    """Tells by which of four angles an image was rotated.

    Gidaris et al. 2018, "Unsupervised Representation Learning by Predicting
    Image Rotations". An image is shown in one of its rotations by 0, 90, 180
    and 270 degrees in each epoch, and in all of them within four epochs. The
    paper shows all four in the same batch: of four epochs that is the same
    work, but here a batch has four times as many images.

    Args:
        info: square images; labels are not needed.

    Raises:
        UserError: no images, or such as are not square.
    """

    changes_inputs = True
    head_begins = _HEAD

    def __init__(self, info: DataInfo, /) -> None:
        super().__init__(info)
        height, width, _ = image_spec(info, "rotation").shape
        if height != width:
            raise UserError(
                "--objective=rotation needs square images, got images of "
                f"{height}×{width} pixels: set --image_size="
                f"{min(height, width)}."
            )

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Rotates images; the targets are their quarter turns, int64."""
        del labels
        turns = _turns(seeds)
        weights = tf.ones_like(seeds[:, 0], tf.float32)
        return _rotated(inputs, turns), turns, weights

    def pictures(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Shows images as they are rotated."""
        del labels
        return {"rotated": _rotated(inputs, _turns(seeds))}

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, width) → logits of the angles (batch, 4), float32."""
        layer = keras.layers.Dense(_TURNS, dtype="float32", name=_HEAD)
        return layer(features)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the cross-entropy, in nats."""
        return keras.losses.sparse_categorical_crossentropy(
            targets, outputs, from_logits=True
        )

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes how often the angle is right; by chance a quarter."""
        name = "rotation_accuracy"
        return [keras.metrics.SparseCategoricalAccuracy(name)]


def _turns(seeds: tf.Tensor) -> tf.Tensor:
    """How many quarter turns each image makes: another in the next epoch."""
    epoch = seeds[:, 1]
    first = draw(seeds * [[1, 0, 1]], 1, stream=_STREAM)[:, 0]
    first = tf.cast(first * float(_TURNS), tf.int64)
    return tf.math.floormod(first + epoch, _TURNS)


def _rotated(images: tf.Tensor, turns: tf.Tensor) -> tf.Tensor:
    """Rotates square images by quarter turns, against the clock."""
    turned = tf.transpose(images, [0, 2, 1, 3])
    every = [
        images,
        tf.reverse(turned, [1]),
        tf.reverse(images, [1, 2]),
        tf.reverse(turned, [2]),
    ]
    return tf.gather(tf.stack(every, axis=1), turns, batch_dims=1)
