"""What the features of a backbone are worth, as a run's scores tell it."""

import dataclasses

import keras

from keras_ptft.data.core.dataset import Dataset, take_evenly
from keras_ptft.evaluation.evaluation import Evaluation, scored_splits
from keras_ptft.evaluation.feature_quality import (
    feature_scores,
    knn_accuracy,
)
from keras_ptft.training.forward import outputs_of

# training examples among which neighbours are looked for
_KNOWN = 10_000


def with_feature_scores(
    found: Evaluation, features: keras.Model, dataset: Dataset
) -> Evaluation:
    """Adds what the features are worth to the scores of each split.

    Where there are labels, that is the accuracy of the nearest of the
    training examples, 10,000 of them at most.

    Args:
        found: what is known already.
        features: from the inputs of the examples to (batch, width).
        dataset: with split "train", and those that were scored.
    """
    labelled = bool(dataset.info.label_names)
    reference = take_evenly(dataset.splits["train"], _KNOWN)
    known = outputs_of(features, reference) if labelled else None
    metrics = {}
    for name, source in scored_splits(dataset.splits).items():
        rows = outputs_of(features, source)
        scores = feature_scores(rows)
        if known is not None:
            scores["knn_accuracy"] = knn_accuracy(
                rows, source.labels, known, reference.labels
            )
        metrics[name] = {**found.metrics[name], **scores}
    return dataclasses.replace(found, metrics=metrics)
