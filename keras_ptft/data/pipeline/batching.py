"""The one place where order, batches and prefetching are decided.

A training batch is a pure function of (seed, step): the order of an epoch
is a stateless permutation, so any step is reached at once and no state is
kept anywhere.
"""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.core.index_shuffle import permuted
from keras_ptft.data.core.length_buckets import by_length
from keras_ptft.data.pipeline.epoch_views import Augment, Views, seeds_of

Transform = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple]

Share = tuple[int, int]
"""Which part of every batch: (0, 2) is the first of two halves."""

_WHOLE = (0, 1)
_ENDLESS = tf.int64.max
_EVALUATION = -1


def steps_per_epoch(source: Source, batch_size: int) -> int:
    """Whole batches in one pass; what remains waits for the next order."""
    return len(source) // batch_size


def training_batches(
    source: Source,
    transform: Transform,
    *,
    batch_size: int,
    seed: int,
    augment: Augment | None = None,
    start_step: int = 0,
    share: Share = _WHOLE,
) -> tf.data.Dataset:
    """Endless shuffled batches, each a pure function of (seed, step).

    Args:
        source: the examples; `Views` are augmented already.
        transform: (inputs, labels, seeds) of a batch → (inputs, targets,
            weights); seeds are int64 of shape (batch, 3): seed, epoch,
            number of the example.
        batch_size: examples a batch; the remainder of an epoch is dropped.
        seed: of the order and of the augmentation.
        augment: as in `data.views.augmented`, or None.
        start_step: the step of the first batch.
        share: the part of each batch that is all_gather, so that workers who
            take one each see the batch together, whatever their number.

    Returns:
        `transform`'s triples, without end.
    """
    steps = steps_per_epoch(source, batch_size)
    own = _places(batch_size, share)
    targets = _targets(source)
    chosen = _chooser(source, batch_size, steps)

    def batch(step):
        epoch = step // steps
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        indices = tf.gather(chosen(step % steps, key), own)
        seeds = seeds_of(key, indices)
        if hasattr(source, "gather_at_epoch"):
            inputs = source.gather_at_epoch(epoch, indices)
        else:
            inputs = source.gather(indices)
        if augment is not None and not isinstance(source, Views):
            inputs = augment(inputs, seeds)
        return transform(inputs, targets(indices), seeds)

    return _mapped(tf.data.Dataset.range(start_step, _ENDLESS), batch)


def evaluation_batches(
    source: Source,
    transform: Transform,
    *,
    batch_size: int,
    share: Share = _WHOLE,
) -> tf.data.Dataset:
    """Every example once, in order, in batches of one shape.

    The last batch is filled up with example 0 at weight 0, so that nothing
    is dropped, compiled code sees one shape, and any number of replicas
    computes the same sums.

    Args:
        source: the examples.
        transform: as in `training_batches`.
        batch_size: examples a batch.
        share: likewise.

    Returns:
        `transform`'s triples, ceil(examples / batch_size) of them.
    """
    size = len(source)
    own = _places(batch_size, share)
    targets_of = _targets(source)
    key = tf.constant([0, _EVALUATION], tf.int64)

    def batch(number):
        places = number * batch_size + own
        real = places < size
        indices = tf.where(real, places, 0)
        inputs, targets, weights = transform(
            source.gather(indices), targets_of(indices), seeds_of(key, indices)
        )
        return inputs, targets, weights * tf.cast(real, weights.dtype)

    return _mapped(tf.data.Dataset.range(math.ceil(size / batch_size)), batch)


def unweighted(inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor) -> tuple:
    """The transform that changes nothing: every example weighs 1."""
    return inputs, labels, tf.ones_like(seeds[:, 0], tf.float32)


def weighted(
    transform: Transform, class_weights: np.ndarray | None
) -> Transform:
    """The transform with each example's weight times that of its label.

    Args:
        transform: as in `training_batches`.
        class_weights: float32 array of shape (classes,), or None.
    """
    if class_weights is None:
        return transform

    def wrapped(inputs, labels, seeds):
        inputs, targets, weights = transform(inputs, labels, seeds)
        return inputs, targets, weights * tf.gather(class_weights, labels)

    return wrapped


def _chooser(
    source: Source, batch_size: int, steps: int
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """(step of an epoch, key of the epoch) → the examples of its batch."""
    if hasattr(source, "lengths"):
        return by_length(source.lengths, batch_size, steps)
    everywhere = tf.range(batch_size, dtype=tf.int64)

    def chosen(step, key):
        return permuted(step * batch_size + everywhere, key, len(source))

    return chosen


def _targets(source: Source) -> Callable[[tf.Tensor], tf.Tensor]:
    """Numbers of examples → what is to be learned of them."""
    if hasattr(source, "targets"):
        return source.targets
    labels = tf.constant(source.labels)
    return lambda indices: tf.gather(labels, indices)


def _places(batch_size: int, share: Share) -> tf.Tensor:
    """Where in a batch the examples of a share stand."""
    index, count = share
    size = batch_size // count
    return tf.range(index * size, (index + 1) * size, dtype=tf.int64)


def _mapped(numbers: tf.data.Dataset, batch: Callable) -> tf.data.Dataset:
    # nothing here is for AutoGraph, which would bury errors in its own text
    batch = tf.autograph.experimental.do_not_convert(batch)
    batches = numbers.map(batch, num_parallel_calls=tf.data.AUTOTUNE)
    options = tf.data.Options()
    # the batches are already this job's own: see `batch`
    policy = tf.data.experimental.AutoShardPolicy.OFF
    options.experimental_distribute.auto_shard_policy = policy
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
