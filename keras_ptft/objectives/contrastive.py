"""Views of one image drawn together, and away from other images."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from keras_ptft.data.core.info import DataInfo
from keras_ptft.errors import UserError
from keras_ptft.objectives.views import VIEWS, Views, comes_first
from keras_ptft.training.distribution.exchange import gathered

# a logit of what is no candidate; infinity times 0 would be no number
_NO = -1e9


class Compared(NamedTuple):
    """Views of a replica's examples (rows) beside all of the batch (columns).

    Attributes:
        cosines: float32 of shape (rows, columns).
        others: which columns are other views, each counted once.
        right: which of them belong to the example of the row.
    """

    cosines: tf.Tensor
    others: tf.Tensor
    right: tf.Tensor

    def by_example(self, values: tf.Tensor) -> tf.Tensor:
        """Averages (rows,) over the views of an example: (batch,)."""
        return tf.reduce_mean(tf.reshape(values, [-1, VIEWS]), axis=1)


def compare(targets: tf.Tensor, outputs: tf.Tensor) -> Compared:
    """Compares all views of a batch, over all replicas.

    An example that is in the batch again, as where the last batch of an
    evaluation is filled up, is no candidate.

    Args:
        targets: int64 of shape (batch, 2), see `Views.targets`.
        outputs: projections, float32 of shape (batch, views, width).
    """
    width = outputs.shape[-1]
    directions = tf.math.l2_normalize(outputs, axis=-1)
    every, groups = gathered(directions), gathered(targets)
    rows, columns = (tf.reshape(x, [-1, width]) for x in (directions, every))
    own, other = (tf.repeat(x, VIEWS, axis=0) for x in (targets, groups))
    own_view, other_view = (
        tf.math.floormod(tf.range(tf.shape(x)[0]), VIEWS) for x in (own, other)
    )
    same = own[:, None] == other[None]
    is_itself = same[..., 1] & (own_view[:, None] == other_view[None])
    others = ~is_itself & tf.repeat(comes_first(groups[:, 1]), VIEWS)[None]
    return Compared(
        tf.matmul(rows, columns, transpose_b=True),
        others,
        same[..., 0] & others,
    )


def nt_xent(
    targets: tf.Tensor, outputs: tf.Tensor, temperature: float
) -> tf.Tensor:
    """Computes the mean cross-entropy of each example's views, in nats.

    Args:
        targets: see `compare`.
        outputs: see `compare`.
        temperature: what cosines are divided by.

    Returns:
        float32 of shape (batch,).
    """
    found = compare(targets, outputs)
    log_shares = log_shares_of(found.cosines / temperature, found.others)
    right = tf.cast(found.right, tf.float32)
    each = -tf.reduce_sum(right * log_shares, axis=1)
    return found.by_example(each / tf.reduce_sum(right, axis=1))


def log_shares_of(logits: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
    """Computes a log-softmax over candidates alone; very low for the others.

    Args:
        logits: float32 of shape (rows, columns).
        candidates: bool of the same shape.
    """
    return tf.nn.log_softmax(tf.where(candidates, logits, _NO))


def check_temperature(temperature: float) -> None:
    """Raises a UserError unless cosines can be divided by it."""
    if not 0.0 < temperature <= 10.0:
        raise UserError(
            "Setting 'temperature' must be above 0 and at most 10, as 0.2, "
            f"got {temperature}."
        )


class _NearestIsRight(keras.metrics.Mean):
    """How often the nearest other view belongs to the same example."""

    def update_state(
        self, targets: tf.Tensor, outputs: tf.Tensor, sample_weight: tf.Tensor
    ) -> None:
        found = compare(targets, outputs)
        nearest = tf.argmax(tf.where(found.others, found.cosines, -2.0), axis=1)
        hits = tf.gather(found.right, nearest, axis=1, batch_dims=1)
        hits = found.by_example(tf.cast(hits, tf.float32))
        super().update_state(hits, sample_weight=sample_weight)


class Contrastive(Views):
    """Finds an image's other view among those of its batch (SimCLR).

    Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual
    Representations", equation 1 (NT-Xent): the cross-entropy of the right
    one of all other views in the batch, over all replicas, by the cosine of
    their projections. So the loss depends on the batch size, and is reported
    with batches of 64.

    Args:
        info: see `Views`.
        temperature: what cosines are divided by; smaller looks at the
            nearest others alone.
        view: see `Views`.
        width: see `Views`.
        hidden: see `Views`.

    Raises:
        UserError: the temperature is not above 0; see `Views`.
    """

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        temperature: float = 0.2,
        view: str = "simclr",
        width: int = 128,
        hidden: int = 512,
    ) -> None:
        super().__init__(info, view=view, width=width, hidden=hidden)
        check_temperature(temperature)
        self.temperature = temperature

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the mean cross-entropy of an example's views, in nats."""
        return nt_xent(targets, outputs, self.temperature)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes how often the nearest other view is of the same image."""
        return [_NearestIsRight("view_accuracy")]


class SupervisedContrastive(Contrastive):
    """Draws all views of a class together.

    Khosla et al. 2020, "Supervised Contrastive Learning", equation 2: every
    view of the same class is a right one.

    Args:
        info: images with labels.
        temperature: see `Contrastive`.
        view: see `Views`.
        width: see `Views`.
        hidden: see `Views`.

    Raises:
        UserError: there are no labels; see `Contrastive`.
    """

    needs_labels = True

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        temperature: float = 0.1,
        view: str = "simclr",
        width: int = 128,
        hidden: int = 512,
    ) -> None:
        super().__init__(
            info, temperature=temperature, view=view, width=width, hidden=hidden
        )
        if not info.label_names:
            raise UserError(
                "--objective=supervised_contrastive compares classes, and the "
                "data have no labels: use --objective=contrastive."
            )

    def targets(self, labels: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Says which examples belong together: those of a class."""
        return tf.stack([tf.cast(labels, tf.int64), seeds[:, 2]], axis=1)
