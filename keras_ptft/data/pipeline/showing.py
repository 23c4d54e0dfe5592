"""What a training step is shown: examples, as they are or changed."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.epoch_views import Augment, Views, seeds_of
from keras_ptft.data.pipeline.mix import Examples, Mixing
from keras_ptft.data.pipeline.poisson import EMPTY, Poisson

Shard = tuple[int, int]
"""Index and count: (0, 2) is the first half of every batch."""


class Places(NamedTuple):
    """Which examples of a batch are read, and what for.

    Attributes:
        read: places in the batch.
        own: places in `read` of the shard's examples.
        others: places in `read` of what each is mixed with.
    """

    read: np.ndarray | tf.Tensor
    own: np.ndarray | tf.Tensor
    others: np.ndarray | tf.Tensor


def places_of(every: Sequence[Places], shard: int | tf.Tensor) -> Places:
    """Returns the places of a shard, whose index a replica may compute."""
    if len(every) == 1:
        return every[0]
    stacked = map(np.stack, zip(*every, strict=True))
    return Places(*(tf.gather(part, shard) for part in stacked))


def own_places(batch_size: int, shard: Shard) -> np.ndarray:
    """Returns the places of a shard's examples in a batch."""
    index, count = shard
    size = batch_size // count
    return np.arange(index * size, (index + 1) * size)


def paired_places(batch_size: int, shard: Shard) -> Places:
    """Returns a shard's places, and those half a batch farther.

    Partners are partners in the whole batch, so any number of workers mixes
    the same.

    Example:

    >>> [part.tolist() for part in paired_places(8, (1, 4))]
    [[2, 3, 6, 7], [0, 1], [2, 3]]
    """
    own = own_places(batch_size, shard)
    others = (own + batch_size // 2) % batch_size
    read, found = np.unique([own, others], return_inverse=True)
    return Places(read, *found.reshape(2, -1))


@dataclasses.dataclass(frozen=True)
class Showing:
    """How training examples are shown.

    Attributes:
        augment: see `Augment`; `Views` are augmented already.
        mix: see `Mixing`.
        balanced: whether an epoch shows all classes alike, in place of each
            example once.
        poisson: how each step draws its examples independently, in place of
            an epoch that shows each once; None: it does not.
    """

    augment: Augment | None = None
    mix: Mixing | None = None
    balanced: bool = False
    poisson: Poisson | None = None

    @property
    def changes_inputs(self) -> bool:
        """Whether examples are shown otherwise than they are."""
        return self.augment is not None or self.mix is not None

    def capacity(self, batch_size: int) -> int:
        """Returns the places of a batch, of which some may stay empty."""
        return self.poisson.capacity if self.poisson else batch_size

    def places(self, batch_size: int, shard: Shard) -> Places:
        """Returns what a shard has to read of each batch."""
        if self.mix is not None:
            return paired_places(batch_size, shard)
        own = own_places(batch_size, shard)
        return Places(own, np.arange(len(own)), np.arange(0))

    def examples(
        self, source: Source, key: tf.Tensor, batch: tf.Tensor, places: Places
    ) -> Examples:
        """Reads a batch, or a shard of it, by TensorFlow operations.

        Args:
            source: the examples.
            key: int64 of shape (2,), (seed, epoch).
            batch: int64 of shape (batch,), the indices of all its examples.
            places: as `places` gives them.

        Returns:
            Inputs, labels and seeds, see `Examples`.
        """
        indices = tf.gather(batch, places.read)
        if self.poisson is not None:
            # any example may stand in an empty place: see `counted`
            indices = tf.maximum(indices, 0)
        seeds = seeds_of(key, indices)
        inputs = source.gather_at_epoch(key[1], indices)
        labels = source.targets(indices)
        if self.augment is not None and not isinstance(source, Views):
            inputs = self.augment(inputs, seeds)
        shown = inputs, labels, seeds
        if self.mix is None:
            return shown
        own, others = (
            tf.nest.map_structure(
                lambda part, at=at: tf.gather(part, at), shown
            )
            for at in (places.own, places.others)
        )
        return self.mix(own, others)

    def counted(
        self, weights: tf.Tensor, batch: tf.Tensor, places: Places
    ) -> tf.Tensor:
        """Returns the weights of what was read, 0 in places not taken.

        Args:
            weights: float32 of shape (examples of the shard,).
            batch: as in `examples`.
            places: as in `examples`.
        """
        if self.poisson is None:
            return weights
        taken = tf.gather(batch, places.read) != EMPTY
        return weights * tf.cast(taken, weights.dtype)


PLAIN = Showing()
"""Each example once an epoch, as it is."""
