"""Clean images predicted from noisy ones."""

import logging
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError, check_range
from keras_ptft.models.tokens import check_choice
from keras_ptft.objectives.feature_objective import FeatureObjective
from keras_ptft.objectives.image_data import image_spec
from keras_ptft.objectives.objective import Batch

_LOG = logging.getLogger("keras_ptft")

KINDS = ("gaussian", "masking")
_HIDDEN = "decoder_hidden"
_LARGEST = 255.0
_TITLES = {"loss": "mean squared error (pixels from 0 to 1)"}


class Denoise(FeatureObjective):
    """Predicts the clean image from the features of a noisy one.

    Vincent et al. 2010, "Stacked Denoising Autoencoders". All layers of the
    backbone are trained at once, while the paper stacks one on the other. A
    decoder of two dense layers makes a picture of the features, and stays
    behind. Its sides are at most `side` pixels: of larger images it predicts
    one that is reduced by areas, since a dense layer to all pixels of a
    photo would be larger than most backbones.

    Args:
        info: images of 8 bits; labels are not needed.
        noise: how much, from 0 to 1: the standard deviation as a share of
            the largest value, or the share of the pixels that are set to 0.
        kind: "gaussian" or "masking".
        side: largest side of the picture that is predicted, in pixels.
        hidden: width of the decoder's hidden layer.

    Raises:
        UserError: no images of 8 bits, or a setting out of its range.
    """

    changes_inputs = True
    head_begins = _HIDDEN
    titles = _TITLES

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        noise: float = 0.3,
        kind: str = "gaussian",
        side: int = 32,
        hidden: int = 512,
    ) -> None:
        super().__init__(info)
        self._spec = image_spec(info, "denoise")
        if self._spec.dtype != tf.uint8:
            raise UserError(
                "--objective=denoise adds a share of 255 to pixels and needs "
                f"images of 8 bits, got {self._spec.dtype.name}: use "
                "--objective=masked_pixels, or store pixels as uint8."
            )
        check_range("noise", noise, 0.0, 1.0)
        check_choice("kind", kind, KINDS)
        check_range("side", side, 1)
        check_range("hidden", hidden, 1)
        self.noise, self.kind, self.hidden = noise, kind, hidden
        self._shape = _reduced_shape(self._spec.shape, side)

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Adds noise; the targets are the clean pictures, from 0 to 1."""
        del labels
        weights = tf.ones_like(seeds[:, 0], tf.float32)
        return self._noisy(inputs, seeds), self._reduced(inputs), weights

    def pictures(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Shows noisy images, and the pictures that are predicted."""
        del labels
        clean = tf.image.resize(
            self._reduced(inputs), self._spec.shape[:2], method="nearest"
        )
        return {
            "noisy": self._noisy(inputs, seeds),
            "clean": tf.cast(tf.round(clean * _LARGEST), tf.uint8),
        }

    def assemble(self, backbone: keras.Model) -> keras.Model:
        """Returns the backbone with the decoder."""
        if self._shape != self._spec.shape:
            _LOG.info(
                "Pictures of %d×%d pixels are predicted, of images of %d×%d: "
                '--objective="denoise(side=...)" chooses others.',
                *self._shape[:2],
                *self._spec.shape[:2],
            )
        return super().assemble(backbone)

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, width) → picture (batch, height, width, channels)."""
        hidden = keras.layers.Dense(
            self.hidden, activation="relu", name=_HIDDEN
        )
        pixels = keras.layers.Dense(
            self._shape.num_elements(), dtype="float32", name="decoder_pixels"
        )
        shape = keras.layers.Reshape(
            tuple(self._shape), dtype="float32", name="picture"
        )
        return shape(pixels(hidden(features)))

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the mean squared error of the pixels."""
        return tf.reduce_mean(tf.square(outputs - targets), axis=[1, 2, 3])

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes none: the loss tells how well images are predicted."""
        return []

    def _noisy(self, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        height, width, channels = self._spec.shape
        if self.kind == "masking":
            numbers = _drawn(
                tf.random.stateless_uniform, seeds, (height, width, 1)
            )
            return tf.where(numbers < self.noise, tf.zeros_like(images), images)
        shape = height, width, channels
        numbers = _drawn(tf.random.stateless_normal, seeds, shape)
        added = tf.cast(images, tf.float32) + self.noise * _LARGEST * numbers
        return tf.saturate_cast(tf.round(added), tf.uint8)

    def _reduced(self, images: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(images, tf.float32) / _LARGEST
        if self._shape == self._spec.shape:
            return pixels
        return tf.image.resize(pixels, self._shape[:2], method="area")


def _drawn(
    draw: Callable[..., tf.Tensor],
    seeds: tf.Tensor,
    shape: tuple[int, int, int],
) -> tf.Tensor:
    """Draws numbers for the pixels of each image.

    `index_shuffle.draw` would take five times as long for so many.
    """
    # seed, and epoch and example in one: an example is below 2^32
    pairs = tf.stack([seeds[:, 0], seeds[:, 1] * 2**32 + seeds[:, 2]], axis=1)
    return tf.map_fn(
        lambda pair: draw(shape, pair, alg="philox"),
        pairs,
        fn_output_signature=tf.float32,
    )


def _reduced_shape(shape: tf.TensorShape, side: int) -> tf.TensorShape:
    """The shape of a picture whose sides are at most `side`."""
    height, width, channels = shape
    share = min(1.0, side / max(height, width))
    sides = [max(round(length * share), 1) for length in (height, width)]
    return tf.TensorShape([*sides, channels])
