"""Training examples blended with others of their batch, and their labels.

A row takes (inputs, others, seeds) and its settings. It returns the blended
inputs, of the same shape and dtype, and the share of the first in each. What
is random depends on `seeds` alone, as in augmentation.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import stats

from keras_ptft.data.core.index_shuffle import draw
from keras_ptft.data.pipeline.augmentations.images import (
    check_images,
    described,
    rounded,
)
from keras_ptft.errors import UserError, check_range

Mix = Callable[[Any, Any, tf.Tensor], tuple[Any, tf.Tensor]]
"""(inputs, others, seeds) → blended inputs, shares float32 of (batch,)."""

Examples = tuple[Any, Any, tf.Tensor]
"""Inputs, labels and seeds; labels of mixed examples are float targets."""

_STREAM = 2
# shares are drawn from this many quantiles of their distribution
_QUANTILES = 2**14


@dataclasses.dataclass(frozen=True)
class Mixing:
    """How examples are blended, and what their labels become.

    Attributes:
        mix: see `Mix`.
        soften: labels → targets that can be blended, float32 of shape
            (batch, classes).
    """

    mix: Mix
    soften: Callable[[tf.Tensor], tf.Tensor]

    def __call__(self, examples: Examples, others: Examples) -> Examples:
        """Blends examples and, in the same shares, their targets.

        Args:
            examples: those that are trained on.
            others: what each is blended with.

        Returns:
            The examples with blended inputs and float targets.
        """
        inputs, labels, seeds = examples
        inputs, share = self.mix(inputs, others[0], seeds)
        own, other = self.soften(labels), self.soften(others[1])
        share = tf.reshape(share, [-1] + [1] * (own.shape.rank - 1))
        return inputs, share * own + (1.0 - share) * other, seeds


def none(inputs: Any, others: Any, seeds: tf.Tensor, /) -> tuple[Any, Any]:
    """Leaves the inputs unchanged."""
    del others
    return inputs, tf.ones_like(seeds[:, 0], tf.float32)


def mixup(
    inputs: tf.Tensor,
    others: tf.Tensor,
    seeds: tf.Tensor,
    /,
    *,
    alpha: float = 0.2,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Averages inputs with random weights (Zhang et al. 2018).

    Args:
        alpha: of the Beta distribution of the weights; they are near 0 or 1
            for a small one, and near 1/2 for a large one.
    """
    _check_numbers(inputs)
    share = _beta(draw(seeds, 1, stream=_STREAM)[:, 0], alpha)
    weights = tf.reshape(share, [-1] + [1] * (inputs.shape.rank - 1))
    own, other = (tf.cast(part, tf.float32) for part in (inputs, others))
    return rounded(other + weights * (own - other), inputs.dtype), share


def cutmix(
    images: tf.Tensor,
    others: tf.Tensor,
    seeds: tf.Tensor,
    /,
    *,
    alpha: float = 1.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pastes a rectangle of another image (Yun et al. 2019).

    It has the shape of the image and lies anywhere, its centre in the image.
    The share is what is left of the image, counted in pixels.

    Args:
        alpha: of the Beta distribution of the share before the rectangle is
            cut off at the borders; 1: uniform.
    """
    check_images(images)
    numbers = draw(seeds, 3, stream=_STREAM)
    side = tf.sqrt(1.0 - _beta(numbers[:, 0], alpha))
    height, width = images.shape[1:3]
    rows = _covered(numbers[:, 1], side, height)
    columns = _covered(numbers[:, 2], side, width)
    pasted = rows[:, :, None] & columns[:, None, :]
    left = tf.reduce_mean(tf.cast(~pasted, tf.float32), (1, 2))
    return tf.where(pasted[..., None], others, images), left


MIXES: dict[str, Callable[..., Any]] = {
    "none": none,
    "cutmix": cutmix,
    "mixup": mixup,
}


def _covered(centre: tf.Tensor, side: tf.Tensor, size: int) -> tf.Tensor:
    """Which pixels of a row lie in a rectangle, of shape (batch, size).

    Args:
        centre: from 0 to 1, of shape (batch,).
        side: as a fraction of the image, of shape (batch,).
        size: of the image in pixels.
    """
    middles = (tf.range(size, dtype=tf.float32) + 0.5) / size
    distance = tf.abs(middles[None, :] - centre[:, None])
    return distance < side[:, None] / 2.0


def _beta(uniform: tf.Tensor, alpha: float) -> tf.Tensor:
    """Turns uniform numbers into those of Beta(alpha, alpha)."""
    check_range("alpha", alpha, 0.01, 100.0)
    # TensorFlow cannot invert this distribution, nor seed each example
    points = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    quantiles = stats.beta.ppf(points, alpha, alpha).astype(np.float32)
    return tf.gather(quantiles, tf.cast(uniform * _QUANTILES, tf.int32))


def _check_numbers(inputs: Any) -> None:
    is_numeric = isinstance(inputs, tf.Tensor) and (
        inputs.dtype.is_floating or inputs.dtype == tf.uint8
    )
    if not is_numeric:
        raise UserError(
            "--mix=mixup averages images or vectors of numbers, got "
            f"{described(inputs)}: use --mix=none."
        )
