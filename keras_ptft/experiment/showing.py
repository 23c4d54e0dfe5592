"""How a run's settings say that training examples are shown."""

import logging

import tensorflow as tf

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source, some_of_each
from keras_ptft.data.pipeline.augment import AUGMENTATIONS
from keras_ptft.data.pipeline.augmentations.images import rounded
from keras_ptft.data.pipeline.balanced import class_counts
from keras_ptft.data.pipeline.mix import MIXES, Mixing
from keras_ptft.data.pipeline.showing import Showing
from keras_ptft.errors import UserError
from keras_ptft.evaluation.report.views import (
    ShownExample,
    View,
    label_texts,
)
from keras_ptft.explanation.method import is_image
from keras_ptft.objectives import Objective
from keras_ptft.registry import lookup

_LOG = logging.getLogger("keras_ptft")
# in the report
_EXAMPLES = 4
_VIEWS = 5
_PICTURED = 8


def build_showing(config: Config, objective: Objective) -> Showing:
    """Returns how training examples are chosen and changed.

    Raises:
        UserError: settings that contradict each other.
    """
    is_balanced = config.sampling == "balanced"
    if is_balanced and config.class_weight == "balanced":
        raise UserError(
            "--sampling=balanced shows all classes alike, got --class_weight="
            "balanced too, which would make the rare ones count for more: "
            "leave out one of the two."
        )
    augment = lookup(AUGMENTATIONS, config.augment, "augmentation")
    mix = lookup(MIXES, config.mix, "mix")
    return Showing(
        None if augment.name == "none" else augment,
        None if mix.name == "none" else Mixing(mix, objective.soft_targets),
        is_balanced,
    )


def log_balance(source: Source) -> None:
    """Tells how often balanced sampling shows a class of these examples."""
    counts = class_counts(source)
    _LOG.info(
        "Sampling: each of %s classes comes about %s times an epoch; they "
        "have %s to %s examples.",
        f"{len(counts):,}",
        f"{len(source) // len(counts):,}",
        f"{counts.min():,}",
        f"{counts.max():,}",
    )


def shown_examples(
    config: Config, objective: Objective, source: Source
) -> list[ShownExample]:
    """Returns a few training images, and how the first epochs show them.

    What an image is mixed with is another of the few, since its batch
    differs from epoch to epoch.

    Args:
        config: the settings of the run.
        objective: what the model is trained for.
        source: the training examples.

    Returns:
        Nothing where they are no images, or are shown as they are.
    """
    showing = build_showing(config, objective)
    is_plain = showing.augment is None and showing.mix is None
    if is_plain or not is_image(source.spec):
        return []
    chosen = some_of_each(source.labels, _EXAMPLES)
    batch = tf.constant(chosen, tf.int64)
    epochs = []
    for epoch in range(_VIEWS):
        key = tf.constant([config.seed, epoch], tf.int64)
        places = showing.places(len(chosen), (0, 1))
        images, labels, _ = showing.examples(source, key, batch, places)
        epochs.append(_views(images, labels, objective))
    originals = _views(source.gather(batch), source.targets(batch), objective)
    return list(map(ShownExample, originals, zip(*epochs, strict=True)))


def pictured_examples(
    config: Config, objective: Objective, source: Source
) -> list[ShownExample]:
    """Returns a few training images, and what the objective makes of them.

    It is what the first epoch shows.

    Args:
        config: the settings of the run.
        objective: what the model is trained for.
        source: the training examples.

    Returns:
        Nothing where they are no images, or it makes nothing of them.
    """
    if not is_image(source.spec):
        return []
    chosen = some_of_each(source.labels, _PICTURED)
    batch = tf.constant(chosen, tf.int64)
    showing = build_showing(config, objective)
    key = tf.constant([config.seed, 0], tf.int64)
    places = showing.places(len(chosen), (0, 1))
    pictures = objective.pictures(*showing.examples(source, key, batch, places))
    if not pictures:
        return []
    named = [
        [View(image, name) for image in rounded(part, tf.uint8).numpy()]
        for name, part in pictures.items()
    ]
    originals = _views(source.gather(batch), source.targets(batch), objective)
    return list(map(ShownExample, originals, zip(*named, strict=True)))


def _views(
    images: tf.Tensor, labels: tf.Tensor, objective: Objective
) -> list[View]:
    texts = label_texts(labels.numpy(), objective.info.label_names)
    return list(map(View, images.numpy(), texts))
