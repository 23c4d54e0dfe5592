"""Augmentation of examples by number, at each step or once for all."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source

Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def seeds_of(key: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """What an example's random changes depend on, whatever its batch.

    Args:
        key: int64 tensor of shape (2,), (seed, epoch).
        indices: int64 tensor of shape (batch,), the examples' numbers.

    Returns:
        int64 tensor of shape (batch, 3): seed, epoch, number.
    """
    same = tf.ones_like(indices)
    return tf.stack([same * key[0], same * key[1], indices], axis=1)


@dataclasses.dataclass(frozen=True)
class Augmented:
    """A source as one epoch shows it.

    Attributes:
        source: the examples as they are.
        augment: (inputs, seeds) → inputs, with seeds as in `seeds_of`.
        setting: the augmentation as the user wrote it.
        seed: of the augmentation.
        epoch: whose view it is.
    """

    source: Source
    augment: Augment
    setting: str
    seed: int
    epoch: int

    @property
    def spec(self) -> tf.TensorSpec:
        return self.source.spec

    @property
    def labels(self) -> np.ndarray:
        return self.source.labels

    @property
    def hashes(self) -> np.ndarray:
        return self.source.hashes

    def __len__(self) -> int:
        return len(self.source)

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Augmented inputs of shape (batch, *spec.shape)."""
        key = tf.constant([self.seed, self.epoch], tf.int64)
        return self.augment(self.source.gather(indices), seeds_of(key, indices))


@dataclasses.dataclass(frozen=True)
class Views:
    """The same examples in several views, one an epoch in turn.

    Attributes:
        sources: the views; epoch e sees number e mod their count.
    """

    sources: tuple[Source, ...]

    @property
    def spec(self) -> tf.TensorSpec:
        return self.sources[0].spec

    @property
    def labels(self) -> np.ndarray:
        return self.sources[0].labels

    @property
    def hashes(self) -> np.ndarray:
        return self.sources[0].hashes

    def __len__(self) -> int:
        return len(self.sources[0])

    def gather(self, indices: tf.Tensor) -> tf.Tensor:
        """Inputs of shape (batch, *spec.shape), as epoch 0 sees them."""
        return self.sources[0].gather(indices)

    def gather_at_epoch(
        self, epoch: tf.Tensor, indices: tf.Tensor
    ) -> tf.Tensor:
        """Inputs of shape (batch, *spec.shape), as an epoch sees them.

        Args:
            epoch: int64 scalar.
            indices: int64 tensor of shape (batch,).
        """
        number = tf.cast(epoch % len(self.sources), tf.int32)
        views = [partial(source.gather, indices) for source in self.sources]
        return tf.switch_case(number, views)
