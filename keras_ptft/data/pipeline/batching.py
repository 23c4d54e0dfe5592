"""The one place where order, batches and prefetching are decided.

A training batch is a pure function of (seed, step): the order of an epoch
is a stateless permutation, so any step is reached at once and no state is
kept anywhere.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.index_shuffle import shuffled
from keras_ptft.data.core.length_buckets import (
    by_length,
    evaluation_order,
)
from keras_ptft.data.pipeline.balanced import balanced
from keras_ptft.data.pipeline.epoch_views import seeds_of
from keras_ptft.data.pipeline.poisson import drawn
from keras_ptft.data.pipeline.showing import (
    PLAIN,
    Shard,
    Showing,
    own_places,
    places_of,
)
from keras_ptft.errors import UserError

Transform = Callable[[Any, Any, tf.Tensor], tuple[Any, Any, tf.Tensor]]
"""(inputs, labels, seeds) → (inputs, targets, weights) of a batch.

Seeds are int64 of shape (batch, 3): seed, epoch, index of the example.
Inputs and targets are tensors or dicts of tensors, weights are (batch,).
"""

Chosen = tuple[tf.Tensor, tf.Tensor]
"""The key of an epoch, int64 of shape (2,), and the examples of a whole
batch, int64 of shape (batch,)."""

_WHOLE = (0, 1)
_ENDLESS = tf.int64.max
_EVALUATION = -1


@dataclasses.dataclass(frozen=True)
class BatchAt:
    """What makes the batch of any step, by TensorFlow operations.

    Its two parts may run on two devices: a TPU cannot choose.

    Attributes:
        choose: step → which examples there are in its batch.
        make: (what was chosen, index of a shard) → what a `Transform`
            returns.
    """

    choose: Callable[[tf.Tensor], Chosen]
    make: Callable[[Chosen, int | tf.Tensor], Any]

    def __call__(self, step: tf.Tensor, shard: int | tf.Tensor) -> Any:
        return self.make(self.choose(step), shard)


def steps_per_epoch(source: Source, batch_size: int) -> int:
    """Returns the whole batches of one epoch; the remainder is dropped."""
    return len(source) // batch_size


def training_batches(
    source: Source,
    transform: Transform,
    *,
    batch_size: int,
    seed: int,
    showing: Showing = PLAIN,
    start_step: int = 0,
    shard: Shard = _WHOLE,
) -> tf.data.Dataset:
    """Returns endless shuffled batches, each a function of (seed, step).

    Args:
        source: the examples.
        transform: see `Transform`.
        batch_size: examples a batch, of independent draws those expected;
            the remainder of an epoch is dropped.
        seed: of the order and of all random changes.
        showing: how examples are chosen and changed.
        start_step: the step of the first batch.
        shard: the part of each batch that is read. Workers with a shard
            each see the same batches together, whatever their number.

    Returns:
        The triples that `transform` returns.
    """
    batch = training_batch(
        source,
        transform,
        batch_size=batch_size,
        seed=seed,
        showing=showing,
        shards=[shard],
    )
    steps = tf.data.Dataset.range(start_step, _ENDLESS)
    return _mapped(steps, lambda step: batch(step, 0))


def training_batch(
    source: Source,
    transform: Transform,
    *,
    batch_size: int,
    seed: int,
    showing: Showing = PLAIN,
    shards: Sequence[Shard] = (_WHOLE,),
) -> BatchAt:
    """Returns what makes the batch of any step, by TensorFlow operations.

    Args:
        source: as in `training_batches`.
        transform: as in `training_batches`.
        batch_size: as in `training_batches`.
        seed: as in `training_batches`.
        showing: as in `training_batches`.
        shards: parts of each batch that can be asked for.

    Returns:
        Pure functions, together: (step, index in `shards`) → the triple
        that `transform` returns.

    Raises:
        UserError: a batch of one example is to be mixed.
    """
    if showing.mix is not None and batch_size < 2:
        raise UserError(
            "--mix needs 2 examples a batch or more, got --batch_size="
            f"{batch_size}: raise it, or use --mix=none."
        )
    steps = steps_per_epoch(source, batch_size)
    capacity = showing.capacity(batch_size)
    places = [showing.places(capacity, shard) for shard in shards]
    order = _chooser(source, batch_size, steps, showing)

    def choose(step: tf.Tensor) -> Chosen:
        key = tf.stack([tf.constant(seed, tf.int64), step // steps])
        return key, order(step % steps, key)

    def make(chosen: Chosen, shard: int | tf.Tensor) -> Any:
        own = places_of(places, shard)
        shown = showing.examples(source, *chosen, own)
        inputs, targets, weights = transform(*shown)
        return inputs, targets, showing.counted(weights, chosen[1], own)

    return BatchAt(choose, make)


def evaluation_batches(
    source: Source,
    transform: Transform,
    *,
    batch_size: int,
    shard: Shard = _WHOLE,
) -> tf.data.Dataset:
    """Returns every example once, in batches of one size.

    They come in order; texts in that of `evaluation_order`, which needs less
    padding. The last batch is filled up with the first example at weight 0,
    so that nothing is dropped, compiled code sees one shape, and any number
    of replicas computes the same sums.

    Args:
        source: the examples.
        transform: see `Transform`.
        batch_size: examples a batch.
        shard: the part of each batch that is read.

    Returns:
        The ceil(examples / batch_size) triples that `transform` returns.
    """
    size = len(source)
    order = None
    if source.lengths is not None:
        order = tf.constant(evaluation_order(source.lengths, batch_size))
    shard_positions = tf.constant(own_places(batch_size, shard), tf.int64)
    key = tf.constant([0, _EVALUATION], tf.int64)

    def batch(number: tf.Tensor) -> tuple[Any, Any, tf.Tensor]:
        positions = number * batch_size + shard_positions
        real = positions < size
        indices = tf.where(real, positions, 0)
        if order is not None:
            indices = tf.gather(order, indices)
        inputs, targets, weights = transform(
            source.gather(indices),
            source.targets(indices),
            seeds_of(key, indices),
        )
        return inputs, targets, weights * tf.cast(real, weights.dtype)

    return _mapped(tf.data.Dataset.range(math.ceil(size / batch_size)), batch)


def unweighted(
    inputs: Any, labels: Any, seeds: tf.Tensor
) -> tuple[Any, Any, tf.Tensor]:
    """Returns inputs and labels as they are: a transform with weights 1."""
    return inputs, labels, tf.ones_like(seeds[:, 0], tf.float32)


def weighted(
    transform: Transform, class_weights: np.ndarray | None
) -> Transform:
    """Returns a transform that multiplies weights by those of the labels.

    Args:
        transform: see `Transform`.
        class_weights: float32 array of shape (classes,), or None.

    Returns:
        The new transform, or the same one for None.
    """
    if class_weights is None:
        return transform

    def wrapped(
        inputs: Any, labels: tf.Tensor, seeds: tf.Tensor
    ) -> tuple[Any, Any, tf.Tensor]:
        inputs, targets, weights = transform(inputs, labels, seeds)
        if labels.dtype.is_floating:
            # a mixed example weighs what its classes weigh, in their shares
            found = tf.linalg.matvec(labels, class_weights)
        else:
            found = tf.gather(class_weights, labels)
        return inputs, targets, weights * found

    return wrapped


def _chooser(
    source: Source, batch_size: int, steps: int, showing: Showing
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """(step of an epoch, key of the epoch) → the examples of its batch."""
    if (poisson := showing.poisson) is not None:

        def draw(step: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
            return drawn(poisson, len(source), key[1] * steps + step)

        return draw
    order = shuffled(len(source))
    if showing.balanced:
        order = balanced(source, steps * batch_size)
    if source.lengths is not None:
        return by_length(source.lengths, batch_size, steps, order)
    positions = tf.range(batch_size, dtype=tf.int64)

    def choose(step: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        return order(step * batch_size + positions, key)

    return choose


def _mapped(numbers: tf.data.Dataset, batch: Callable) -> tf.data.Dataset:
    # AutoGraph has nothing to rewrite here and would obscure error messages
    batch = tf.autograph.experimental.do_not_convert(batch)
    batches = numbers.map(batch, num_parallel_calls=tf.data.AUTOTUNE)
    options = tf.data.Options()
    # batches are sharded already: see `batch`
    policy = tf.data.experimental.AutoShardPolicy.OFF
    options.experimental_distribute.auto_shard_policy = policy
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
