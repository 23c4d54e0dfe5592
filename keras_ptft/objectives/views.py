"""What objectives have in common that compare views of the same image."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.data.core.dataset import Dataset
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.errors import UserError
from keras_ptft.evaluation.evaluation import Evaluation
from keras_ptft.evaluation.feature_scores import with_feature_scores
from keras_ptft.models.structure import input_tensors
from keras_ptft.objectives.objective import Batch, Objective
from keras_ptft.registry import lookup

VIEWS = 2
"""How many views of each image there are."""

_HIDDEN = "projection_hidden"
# seeds of views are far apart from each other and from that of `--augment`;
# 32 bits of a seed count
_SEEDS_APART = 0x9E3779B9


class Views(Objective):
    """Two random views of each image, and a projection of their features.

    The views are a pure function of seed, epoch and example, in training and
    in evaluation. What is fine-tuned later are the features: the projection
    is a head, which stays behind.

    Args:
        info: images; labels are not needed.
        view: what makes a view of an image, one of the augmentations.
        width: of the projection.
        hidden: width of its hidden layer.

    Raises:
        UserError: no images, or a view that leaves an image as it is.
    """

    changes_inputs = True
    compares = True

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        view: str = "simclr",
        width: int = 128,
        hidden: int = 512,
    ) -> None:
        super().__init__(info)
        _check_images(info)
        self._view = lookup(AUGMENTATIONS, view, "augmentation")
        if self._view.name == "none":
            raise UserError(
                "Setting 'view' must change images, or all views of one are "
                "alike, got 'none': use view='simclr' or another."
            )
        self.width, self.hidden = width, hidden

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Makes the views, of shape (batch, views, ...)."""
        views = [
            self._view(inputs, seeds + _apart(number))
            for number in range(1, VIEWS + 1)
        ]
        weights = tf.ones_like(seeds[:, 0], tf.float32)
        return tf.stack(views, axis=1), self.targets(labels, seeds), weights

    def targets(self, labels: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Says which examples belong together: here each to itself.

        Args:
            labels: of a batch.
            seeds: see `transform`.

        Returns:
            int64 of shape (batch, 2): a group, and the example.
        """
        del labels
        return tf.gather(seeds, [2, 2], axis=1)

    def run(self, model: Callable[[Any], Any], inputs: tf.Tensor) -> tf.Tensor:
        """Runs a model on all views, as one batch of more images."""
        return run_views(model, inputs)

    def evaluate(
        self,
        model: keras.Model,
        dataset: Dataset,
        *,
        reject_below: float = 0.0,
    ) -> Evaluation:
        """Adds what the features are worth to the scores of each split."""
        found = super().evaluate(model, dataset, reject_below=reject_below)
        return with_feature_scores(found, self._features(model), dataset)

    def _features(self, model: keras.Model) -> keras.Model:
        """The part of a model before the projection."""
        hidden = model.get_layer(_HIDDEN)
        return keras.Model(input_tensors(model), hidden.input)

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, features) → projection (batch, width), float32."""
        hidden = keras.layers.Dense(
            self.hidden, activation="relu", name=_HIDDEN
        )
        layer = keras.layers.Dense(
            self.width, use_bias=False, dtype="float32", name="projection"
        )
        return layer(hidden(features))


def _check_images(info: DataInfo) -> None:
    spec = info.spec
    if spec is None:
        return
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank != 3:
        raise UserError(
            "This objective compares views of images, and the data are none: "
            "choose images, or of texts --objective=masked_tokens."
        )


def run_views(model: Callable[[Any], Any], views: tf.Tensor) -> Any:
    """Runs a model on all views of a batch, as one batch of more examples.

    Args:
        model: takes a tensor whose first axis is the example.
        views: of shape (batch, views, ...).

    Returns:
        Its outputs, of shape (batch, views, ...).
    """
    outputs = model(_merged(views))
    return tf.nest.map_structure(partial(_unmerged, like=views), outputs)


def _apart(number: int) -> tf.Tensor:
    """What is added to seeds for a view, numbered from 1."""
    return tf.constant([[number * _SEEDS_APART, 0, 0]], tf.int64)


def _merged(views: tf.Tensor) -> tf.Tensor:
    """(batch, views, ...) → (batch * views, ...)."""
    shape = tf.shape(views)
    merged = tf.reshape(views, tf.concat([[-1], shape[2:]], axis=0))
    return tf.ensure_shape(merged, [None, *views.shape[2:]])


def _unmerged(rows: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """(batch * views, ...) → (batch, views, ...)."""
    leading = tf.shape(like)[:2]
    return tf.reshape(rows, tf.concat([leading, tf.shape(rows)[1:]], axis=0))
