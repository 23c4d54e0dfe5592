"""The texts of a pair drawn together, and away from those of other pairs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source, evenly
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.text.pair_source import parted
from keras_ptft.errors import UserError
from keras_ptft.evaluation.measure import measure
from keras_ptft.evaluation.metrics.retrieval import mean_reciprocal_rank
from keras_ptft.objectives import words
from keras_ptft.objectives.contrastive import (
    check_temperature,
    log_shares_of,
)
from keras_ptft.objectives.objective import Batch, Objective
from keras_ptft.objectives.views import comes_first, run_views
from keras_ptft.training.distribution.exchange import gathered

_QUERY, _ANSWER = 0, 1
# pairs whose answers are ranked
_RANKED = 10_000


class Partners(NamedTuple):
    """Texts of a replica's pairs (rows) beside partners in the whole batch.

    Attributes:
        cosines: float32 of shape (rows, columns).
        candidates: which columns are the right partner or a wrong one, each
            text once.
        right: which of them is the partner.
    """

    cosines: tf.Tensor
    candidates: tf.Tensor
    right: tf.Tensor


def partners(
    targets: tf.Tensor, outputs: tf.Tensor, side: int = _QUERY
) -> Partners:
    """Compares one text of each pair with the partners of all.

    A text that is in the batch several times is one candidate, and other
    partners of the same text are none.

    Args:
        targets: int64 of shape (batch, 2), a fingerprint of each text; 0 of
            pairs that do not count.
        outputs: features, float32 of shape (batch, 2, width).
        side: which text of a pair looks for its partner.
    """
    other = 1 - side
    directions = tf.math.l2_normalize(outputs, axis=-1)
    every, known = gathered(directions), gathered(targets)
    once = comes_first(known[:, other]) & (known[:, other] != 0)
    right = (targets[:, None, other] == known[None, :, other]) & once
    cosines = tf.matmul(directions[:, side], every[:, other], transpose_b=True)
    wrong = once & ~_belong(targets[:, side], known, side)
    return Partners(cosines, right | wrong, right)


def _belong(texts: tf.Tensor, known: tf.Tensor, side: int) -> tf.Tensor:
    """Whether a text (rows) has a partner (columns) in any pair."""
    partner = known[:, 1 - side]
    pairs = tf.cast(texts[:, None] == known[None, :, side], tf.float32)
    equal = tf.cast(partner[:, None] == partner[None], tf.float32)
    return tf.matmul(pairs, equal) > 0


class _PartnerIsNearest(keras.metrics.Mean):
    """How often the nearest candidate of the first text is its partner."""

    def update_state(
        self, targets: tf.Tensor, outputs: tf.Tensor, sample_weight: tf.Tensor
    ) -> None:
        found = partners(targets, outputs)
        cosines = tf.where(found.candidates, found.cosines, -2.0)
        nearest = tf.argmax(cosines, axis=1)
        hits = tf.gather(found.right, nearest, axis=1, batch_dims=1)
        hits = tf.cast(hits, tf.float32)
        super().update_state(hits, sample_weight=sample_weight)


class ContrastivePairs(Objective):
    """Finds the second text of a pair among those of its batch.

    Henderson et al. 2017, "Efficient Natural Language Response Suggestion
    for Smart Reply", section 4: multiple negatives ranking, as
    sentence-transformers has it: the cross-entropy of the right one of all
    second texts in the batch, over all replicas, by the cosine of the
    features. Equal texts are no negatives of each other. The two columns of
    a table are named by --text_column=question,answer.

    So the loss depends on the batch size. It and the partner accuracy, how
    often the right one is nearest, are reported with batches of 64; the mean
    reciprocal rank is over the split, of which 10,000 pairs at most.

    Args:
        info: texts of two columns; labels are not needed.
        temperature: what cosines are divided by; smaller looks at the
            nearest others alone.
        symmetric: also find the first text of a pair by the second.

    Raises:
        UserError: no texts of two columns, or the temperature is not above
            0.
    """

    changes_inputs = True
    compares = True
    least_batch = 2
    pairs = True

    def __init__(
        self,
        info: DataInfo,
        /,
        *,
        temperature: float = 0.05,
        symmetric: bool = False,
    ) -> None:
        super().__init__(info)
        words.check_is_text(info, "contrastive_pairs")
        check_temperature(temperature)
        if len(info.columns) != 2:
            raise UserError(
                "--objective=contrastive_pairs compares the texts of two "
                f"columns, got {', '.join(info.columns) or 'none'}: name both, "
                "as --text_column=question,answer."
            )
        self.temperature = temperature
        self._sides = (_QUERY, _ANSWER) if symmetric else (_QUERY,)

    def transform(
        self, inputs: tf.Tensor, labels: tf.Tensor, seeds: tf.Tensor
    ) -> Batch:
        """Parts the two texts; the targets say which texts are equal."""
        del labels, seeds
        both = parted(inputs, self.info.sequence_length)
        texts = tf.stack([words.fingerprints(ids) for ids in both], axis=1)
        complete = tf.reduce_all(texts != 0, axis=1)
        targets = tf.where(complete[:, None], texts, 0)
        return tf.stack(both, axis=1), targets, tf.cast(complete, tf.float32)

    def run(self, model: Callable[[Any], Any], inputs: tf.Tensor) -> Any:
        """Runs a model on both texts, as one batch of more texts."""
        return run_views(model, inputs)

    def head(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """(batch, features) → the same, float32."""
        return keras.layers.Identity(dtype="float32", name="compared")(features)

    def loss(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Computes the cross-entropy of each pair, in nats."""
        losses = []
        for side in self._sides:
            found = partners(targets, outputs, side)
            logits = found.cosines / self.temperature
            shares = log_shares_of(logits, found.candidates)
            right = tf.cast(found.right, tf.float32)
            losses.append(-tf.reduce_sum(right * shares, axis=1))
        return tf.add_n(losses) / len(losses)

    def metrics(self) -> Sequence[keras.metrics.Metric]:
        """Makes how often the nearest second text is the partner."""
        return [_PartnerIsNearest("pair_accuracy")]

    def score(self, model: keras.Model, source: Source) -> dict[str, Any]:
        """Adds how far up partners are found among those of a split."""
        found, kept = measure(model, self, source, _kept)
        complete = np.flatnonzero(kept["texts"].all(axis=1))
        if not len(complete):
            return found
        chosen = complete[evenly(len(complete), _RANKED)]
        texts, features = kept["texts"][chosen], kept["features"][chosen]
        found["mean_reciprocal_rank"] = mean_reciprocal_rank(
            *(features[:, side] for side in (_QUERY, _ANSWER)),
            *(texts[:, side] for side in (_QUERY, _ANSWER)),
        )
        return found


def _kept(targets: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
    """What ranking needs of each pair."""
    return {"texts": targets, "features": outputs}
