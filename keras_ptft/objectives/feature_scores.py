"""What features are worth, beside the scores of the head on them."""

import dataclasses

import keras

from keras_ptft.data.core.dataset import Dataset, Source, evenly, take
from keras_ptft.data.core.info import DataInfo
from keras_ptft.data.core.targets import CLASSES
from keras_ptft.evaluation.evaluation import (
    Evaluation,
    Features,
    scored_splits,
)
from keras_ptft.evaluation.feature_quality import Known, scores_of
from keras_ptft.training.forward import outputs_of

# training examples among which neighbours are looked for
_MOST = 10_000


def known_features(
    features: keras.Model, train: Source, most: int = _MOST
) -> Known:
    """Computes the features of training examples.

    Args:
        features: from inputs to (batch, width).
        train: the training split.
        most: how many of them at most.
    """
    chosen = evenly(len(train), most)
    rows = outputs_of(features, take(train, chosen))
    return Known(rows, train.labels[chosen], chosen)


def with_features(
    found: Evaluation, features: keras.Model, dataset: Dataset
) -> Evaluation:
    """Adds what features are worth to the scores of each split.

    Where examples have classes, that is the accuracy of the nearest training
    examples too.

    Args:
        found: the scores of the head.
        features: from inputs to (batch, width).
        dataset: with all its splits.
    """
    known = known_features(features, dataset.splits["train"])
    classes = has_classes(dataset.info)
    metrics = dict(found.metrics)
    rows = {
        name: outputs_of(features, source)
        for name, source in scored_splits(dataset.splits).items()
    }
    for name, part in rows.items():
        labels = dataset.splits[name].labels
        scores = scores_of(part, labels, known if classes else None)
        metrics[name] = {**metrics[name], **scores}
    return dataclasses.replace(
        found, metrics=metrics, features=Features(rows["test"], known)
    )


def has_classes(info: DataInfo) -> bool:
    """Returns whether each example has a class that features can show."""
    is_one = info.label_kind == CLASSES and not info.tagged
    return is_one and bool(info.label_names)
