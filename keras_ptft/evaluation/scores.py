"""What a model is worth, by what it answers with."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.batching import evaluation_batches
from keras_ptft.evaluation.metrics.classification import (
    class_metrics,
    classification_metrics,
)
from keras_ptft.evaluation.metrics.entities import entity_metrics
from keras_ptft.objectives.objective import Objective
from keras_ptft.transfer.features import outputs_of

_BATCH = 64
_CHUNK = ("B-", "I-")


def score(
    model: keras.Model,
    objective: Objective,
    source: Source,
    label_names: Sequence[str],
) -> dict[str, Any]:
    """Every metric of a model on a source, ready for JSON.

    Args:
        model: what the objective assembled.
        objective: says what the model answers with.
        source: the examples.
        label_names: the name of each label; none where there are none.
    """
    return _SCORES[objective.answers](model, objective, source, label_names)


def _by_label(model, objective, source, label_names) -> dict[str, Any]:
    del objective
    logits = outputs_of(model, source)
    return classification_metrics(source.labels, logits, label_names)


def _by_loss(model, objective, source, label_names) -> dict[str, Any]:
    """The loss in nats, and the objective's metrics.

    Where the model names a token, which accuracy tells, the exponential of
    the loss is its perplexity. A loss that parts pairs of words from chance
    ones has none.
    """
    del label_names
    found, _ = _measured(model, objective, source)
    if "accuracy" in found:
        found["perplexity"] = float(np.exp(min(found["loss"], 700.0)))
    return found


def _by_tag(model, objective, source, label_names) -> dict[str, Any]:
    """Loss and accuracy by token, and how well entities or tags are found.

    Entities are what tags such as B-PER and I-PER are for; other tags, as
    those of parts of speech, are classes of tokens.
    """

    def chosen(targets, outputs):
        return targets, tf.argmax(outputs, -1, output_type=targets.dtype)

    found, batches = _measured(model, objective, source, chosen)
    rows = [row for batch in batches for row in zip(*batch, strict=True)]
    # the last batch is filled up
    rows = [(t[t >= 0], p[t >= 0]) for t, p in rows[: len(source)]]
    true, predicted = zip(*rows, strict=True)
    if not any(name.startswith(_CHUNK) for name in label_names):
        sides = np.concatenate(true), np.concatenate(predicted)
        return found | class_metrics(*sides, label_names)
    names = np.array(label_names, object)
    return found | entity_metrics(
        [names[tags] for tags in true], [names[tags] for tags in predicted]
    )


def _measured(
    model: keras.Model,
    objective: Objective,
    source: Source,
    keep: Callable = lambda *_: (),
) -> tuple[dict[str, Any], list]:
    """Loss and metrics, and what `keep` makes of each batch."""
    mean = keras.metrics.Mean()
    metrics = list(objective.metrics())

    def observe(inputs, targets, weights):
        outputs = model(inputs, training=False)
        losses = objective.loss(targets, outputs)
        mean.update_state(losses, sample_weight=weights)
        for metric in metrics:
            metric.update_state(targets, outputs, sample_weight=weights)
        return keep(targets, outputs)

    kept = _over(source, objective, observe)
    found = {"examples": len(source), "loss": float(mean.result())}
    found |= {metric.name: float(metric.result()) for metric in metrics}
    return found, kept


def _over(source: Source, objective: Objective, observe: Callable) -> list:
    """What `observe` says of each batch, as arrays."""
    observe = tf.function(observe, autograph=False, reduce_retracing=True)
    size = min(_BATCH, max(len(source), 1))
    batches = evaluation_batches(source, objective.transform, batch_size=size)
    return [
        tf.nest.map_structure(np.asarray, observe(*batch)) for batch in batches
    ]


_SCORES = {"label": _by_label, "tags": _by_tag, "loss": _by_loss}
