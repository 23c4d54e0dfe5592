"""Patches left out of an image, predicted from those that are seen."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.models.patch_decoder import check_decoder, decode_patches
from keras_ptft.models.patches import (
    cut_into_patches,
    patch_count,
    see_patches,
    side_of_patch,
)
from keras_ptft.models.tokens import numbered
from keras_ptft.objectives.feature_objective import FeatureObjective
from keras_ptft.objectives.image_data import image_spec, value_range
from keras_ptft.objectives.objective import Batch

_KEPT = "kept_patches"
_STREAM = 7
# added to the variance of a patch, of pixels from 0 to 1
_EPSILON = 1e-6


class MaskedPixels(FeatureObjective):
    """Predicts masked patches of images (MAE).

    He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners". A
    random part of the patches is left out anew in each epoch. The backbone
    sees the others alone, which is what makes it cheap: with 75 % masked it
    has a quarter of the work. A small decoder predicts the pixels of all
    patches, and stays behind; the loss counts those of the masked ones.

    It needs a backbone of patches: one with a layer "positions", after which
    each patch knows its place, as `vit_small`. The model has two inputs: the
    image, and its "kept_patches".

    Args:
        info: images; labels are not needed.
        mask: fraction of the patches that is left out, between 0 and 1.
        patch: side of a patch in pixels, that of the backbone; 0: as
            `vit_small` chooses it.
        normalize: whether the pixels of each patch are predicted with mean 0
            and variance 1, which the paper found better; else they are
            scaled from 0 to 1.
        width: of the decoder's vectors; a multiple of 4.
        depth: number of the decoder's blocks.
        heads: number of the decoder's attention heads.

    Raises:
        UserError: no images, or a setting out of its range.
    """

    changes_inputs = True
    extra_inputs = (_KEPT,)

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        mask: float = 0.75,
        patch: int = 0,
        normalize: bool = True,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__(info)
        self._spec = image_spec(info, "masked_pixels")
        check_decoder(width, depth, heads)
        self._sizes = {"width": width, "depth": depth, "heads": heads}
        height, across, channels = self._spec.shape
        self._side = side_of_patch(height, across, patch)
        self._grid = height // self._side, across // self._side
        self._pixels = self._side**2 * channels
        self._kept = _kept_of(mask, self._grid)
        self._normalize = normalize
        if normalize and self._side == 1:
            raise UserError(
                f"A patch of 1 pixel has no contrast to predict, got images of "
                f"{height}×{across} pixels: set patch=2 in --backbone and in "
                "--objective, or normalize=False in --objective."
            )
        unit = "normalised" if normalize else "from 0 to 1"
        self.titles = {"loss": f"mean squared error (pixels {unit})"}

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Draws the patches that are kept; the targets are all pixels."""
        del labels
        order = self._order(seeds)
        hidden = tf.cast(tf.argsort(order) >= self._kept, tf.float32)
        pixels = cut_into_patches(inputs, self._side)
        pixels = tf.cast(pixels, tf.float32) / value_range(self._spec)
        if self._normalize:
            pixels = _normalized(pixels)
        weights = tf.ones_like(seeds[:, 0], tf.float32)
        return (
            {self._spec.name: inputs, _KEPT: order[:, : self._kept]},
            {"pixels": pixels, "masked": hidden},
            weights,
        )

    def pictures(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Shows images with what is left out in grey."""
        del labels
        hidden = tf.argsort(self._order(seeds)) >= self._kept
        mask = tf.reshape(hidden, [-1, *self._grid, 1])
        for axis in (1, 2):
            mask = tf.repeat(mask, self._side, axis)
        grey = tf.cast(value_range(self._spec) / 2, inputs.dtype)
        return {"masked": tf.where(mask, grey, inputs)}

    def assemble(self, backbone: keras.Model) -> keras.Model:
        """Returns the backbone on the kept patches, with the decoder."""
        self._check_patches(backbone)
        spec = self._spec
        image = keras.Input(spec.shape, dtype=spec.dtype.name, name=spec.name)
        kept = keras.Input((None,), dtype="int32", name=_KEPT)
        vectors, features = see_patches(backbone, image, kept)
        decoded = decode_patches(vectors, kept, grid=self._grid, **self._sizes)
        outputs = {"pixels": self.head(decoded), "features": features}
        inputs = {spec.name: image, _KEPT: kept}
        return numbered(keras.Model(inputs, outputs, name="model"))

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, patches, width) → pixels (batch, patches, ...), float32."""
        layer = keras.layers.Dense(
            self._pixels, dtype="float32", name="decoder_pixels"
        )
        return layer(features)

    def loss(
        self, targets: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        """Computes the mean squared error of the masked patches."""
        squares = tf.square(outputs["pixels"] - targets["pixels"])
        each = tf.reduce_mean(squares, axis=-1)
        masked = targets["masked"]
        total = tf.reduce_sum(each * masked, axis=1)
        return total / tf.reduce_sum(masked, axis=1)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes none: the loss tells how well patches are predicted."""
        return []

    def features_of(self, model: keras.Model) -> keras.Model:
        """Returns what whole images are: all patches are kept."""
        seen = keras.Model(model.input, model.output["features"])
        image = model.input[self._spec.name]
        rows, columns = self._grid
        zeros = keras.ops.zeros_like(image[:, :1, 0, 0], "int32")
        every = zeros + keras.ops.arange(rows * columns, dtype="int32")
        return keras.Model(image, seen({self._spec.name: image, _KEPT: every}))

    def _order(self, seeds: tf.Tensor) -> tf.Tensor:
        """Puts the patches of each image in an order; the first are kept."""
        rows, columns = self._grid
        numbers = draw(seeds, rows * columns, stream=_STREAM)
        return tf.argsort(numbers, stable=True)

    def _check_patches(self, backbone: keras.Model) -> None:
        """Refuses a backbone that does not cut images as this one does."""
        rows, columns = self._grid
        count = patch_count(backbone)
        if count is None:
            raise UserError(
                "--objective=masked_pixels leaves out patches, and the "
                "backbone reads none: use --backbone=vit_small, or "
                "--objective=denoise."
            )
        if count == rows * columns:
            return
        height, width, _ = self._spec.shape
        side = round((height * width / count) ** 0.5)
        raise UserError(
            f"The backbone cuts an image into {count} patches, and "
            f"--objective=masked_pixels into {rows * columns}: use "
            f'--objective="masked_pixels(patch={side})".'
        )


def _kept_of(mask: float, grid: tuple[int, int]) -> int:
    """How many patches are kept: one at least, as one is masked."""
    if not 0.0 < mask < 1.0:
        raise UserError(
            "Setting 'mask' of objective 'masked_pixels' must be between 0 "
            f"and 1, as 0.75, got {mask}."
        )
    patches = grid[0] * grid[1]
    if patches < 2:
        raise UserError(
            "--objective=masked_pixels needs 2 patches an image or more, got "
            f"{patches}: set a smaller patch in --backbone and --objective."
        )
    return min(max(round((1.0 - mask) * patches), 1), patches - 1)


def _normalized(patches: tf.Tensor) -> tf.Tensor:
    """Gives the pixels of each patch mean 0 and variance 1."""
    count = patches.shape[-1]
    mean = tf.reduce_mean(patches, axis=-1, keepdims=True)
    squares = tf.reduce_sum(tf.square(patches - mean), -1, keepdims=True)
    return (patches - mean) / tf.sqrt(squares / (count - 1) + _EPSILON)
