"""Augmentation of examples by index, at each step or once for all."""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

from keras_ptft.data.core.dataset import DerivedSource, Source
from keras_ptft.data.core.rows import all_held

Augment = Callable[[Any, tf.Tensor], Any]
"""(inputs, seeds) → inputs of the same shape, with seeds as in `seeds_of`."""


def seeds_of(key: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Returns what an example's random changes depend on, in any batch.

    Args:
        key: int64 tensor of shape (2,), (seed, epoch).
        indices: int64 tensor of shape (batch,), the examples.

    Returns:
        int64 tensor of shape (batch, 3): seed, epoch, index.
    """
    same = tf.ones_like(indices)
    return tf.stack([same * key[0], same * key[1], indices], axis=1)


class Augmented(DerivedSource):
    """The examples of a source, augmented as in one epoch.

    Args:
        source: the examples without augmentation.
        augment: (inputs, seeds) → inputs.
        setting: the augmentation as the user wrote it.
        seed: of the augmentation.
        epoch: whose seeds are used.
    """

    def __init__(
        self,
        source: Source,
        augment: Augment,
        setting: str,
        seed: int,
        epoch: int,
    ) -> None:
        super().__init__(source)
        self.augment, self.setting = augment, setting
        self.seed, self.epoch = seed, epoch

    def gather(self, indices: tf.Tensor) -> Any:
        key = tf.constant([self.seed, self.epoch], tf.int64)
        return self.augment(self.source.gather(indices), seeds_of(key, indices))

    def gather_at_epoch(self, epoch: tf.Tensor, indices: tf.Tensor) -> Any:
        del epoch
        return self.gather(indices)


class Views(DerivedSource):
    """Several views of the same examples, of which each epoch reads one.

    Args:
        sources: the views; epoch e reads number e mod their count.
    """

    def __init__(self, sources: tuple[Source, ...]) -> None:
        super().__init__(sources[0])
        self.sources = sources

    @property
    def bytes_held(self) -> int | None:
        return all_held(source.bytes_held for source in self.sources)

    def gather_at_epoch(self, epoch: tf.Tensor, indices: tf.Tensor) -> Any:
        number = tf.cast(epoch % len(self.sources), tf.int32)
        views = [partial(source.gather, indices) for source in self.sources]
        return tf.switch_case(number, views)
