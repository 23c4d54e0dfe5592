"""What objectives have in common that compare views of the same image."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.errors import UserError
from keras_ptft.objectives.feature_objective import FeatureObjective
from keras_ptft.objectives.objective import Batch
from keras_ptft.objectives.short_cuts import short_cuts
from keras_ptft.registry import BoundFactory, lookup

VIEWS = 2
"""How many views of each image there are, beside smaller ones."""

_HIDDEN = "projection_hidden"
# seeds of views are far apart from each other and from that of `--augment`;
# 32 bits of a seed count
_SEEDS_APART = 0x9E3779B9


class Views(FeatureObjective):
    """Two random views of each image, and a projection of their features.

    The views are a pure function of seed, epoch and example, in training and
    in evaluation. What is fine-tuned later are the features: the projection
    is a head, which stays behind.

    Args:
        info: images; labels are not needed.
        view: what makes a view of an image, one of the augmentations.
        width: of the projection.
        hidden: width of its hidden layer.

    Attributes:
        views: what makes each of the views.

    Raises:
        UserError: no images, or a view that leaves an image as it is.
    """

    changes_inputs = True
    head_begins = _HIDDEN
    compares = True
    least_batch = 2

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
        self.views = [changing("view", view)] * VIEWS
        self._setting = f"view={view!r}"
        _check_view(self.views[0], view, info)
        self.width, self.hidden = width, hidden

    def cautions(self) -> Sequence[str]:
        """Returns which short cuts the views leave open."""
        spec = self.info.spec
        if not isinstance(spec, tf.TensorSpec) or spec.dtype != tf.uint8:
            return ()
        return short_cuts(self.views[0], self._setting, spec.shape[-1])

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Makes the views, of shape (batch, views, ...)."""
        views = [
            view(inputs, seeds + _apart(number))
            for number, view in enumerate(self.views, 1)
        ]
        weights = tf.ones_like(seeds[:, 0], tf.float32)
        return tf.stack(views, axis=1), self.targets(labels, seeds), weights

    def pictures(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns the views."""
        views, _, _ = self.transform(inputs, labels, seeds)
        parts = enumerate(tf.unstack(views, axis=1), 1)
        return {f"view {number}": view for number, view in parts}

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

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, features) → projection (batch, width), float32."""
        hidden = keras.layers.Dense(
            self.hidden, activation="relu", name=_HIDDEN
        )
        layer = keras.layers.Dense(
            self.width, use_bias=False, dtype="float32", name="projection"
        )
        return layer(hidden(features))


def changing(setting: str, view: str) -> BoundFactory:
    """Returns what makes views of images.

    Args:
        setting: by which the user chooses it.
        view: one of the augmentations.

    Raises:
        UserError: it leaves images as they are, or there is none such.
    """
    found = lookup(AUGMENTATIONS, view, "augmentation")
    if found.name == "none":
        raise UserError(
            f"Setting {setting!r} must change images, or all views of one are "
            f"alike, got 'none': use {setting}='simclr' or another."
        )
    return found


def comes_first(examples: tf.Tensor) -> tf.Tensor:
    """Returns which places of a batch hold an example for the first time.

    Args:
        examples: int64 of shape (batch,).
    """
    first = tf.argmax(tf.cast(examples[:, None] == examples, tf.int32), axis=1)
    return first == tf.range(tf.shape(examples, tf.int64)[0])


def _check_images(info: DataInfo) -> None:
    spec = info.spec
    if spec is None:
        return
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank != 3:
        raise UserError(
            "This objective compares views of images, and the data are none: "
            "choose images, or of texts --objective=masked_tokens."
        )


def _check_view(view: BoundFactory, setting: str, info: DataInfo) -> None:
    """Refuses what makes no views of these images, before it is trained."""
    if not isinstance(info.spec, tf.TensorSpec):
        return
    shape, dtype = info.spec.shape, info.spec.dtype
    try:
        view(tf.zeros([1, *shape], dtype), tf.zeros([1, 3], tf.int64))
    except UserError as error:
        reason, remedy, _ = str(error).partition(": use ")
        if not remedy:
            raise
        raise UserError(
            f"Setting view={setting!r} makes no views of these images, as "
            f"{reason[:1].lower()}{reason[1:]}: use 'simclr' for images of "
            "uint8, or 'flip_crop'."
        ) from None


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
