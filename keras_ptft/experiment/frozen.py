"""What is frozen in a training: computed once, or run at every step.

That is the part of a model before its cut, and the teacher that --teacher
names. Neither changes, so what they give for an example is the same in every
epoch, unless the example itself changes.
"""

import dataclasses
import logging
from collections.abc import Mapping
from typing import NamedTuple

import keras

from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline.answered import answered
from keras_ptft.data.pipeline.epoch_views import Augmented, Views
from keras_ptft.data.pipeline.showing import Showing
from keras_ptft.experiment.feature_folder import feature_cache
from keras_ptft.experiment.probing import is_probe
from keras_ptft.experiment.showing import build_showing
from keras_ptft.objectives import Objective
from keras_ptft.training.tuning import Tuning
from keras_ptft.transfer.features import cache_features

_LOG = logging.getLogger("keras_ptft")
_TRAINED_ON = ("train", "validation")


class Frozen(NamedTuple):
    """What a training reads, and what runs before it at each step.

    Attributes:
        sources: "train" and "validation".
        prefix: the frozen part of the model, or None where there is none,
            or its features are what the sources give.
        teacher: the same of a teacher; its answers come with the examples.
    """

    sources: Mapping[str, Source]
    prefix: keras.Model | None = None
    teacher: keras.Model | None = None

    def before(self, tuning: Tuning) -> Tuning:
        """Returns how a model is trained with these before it."""
        return dataclasses.replace(
            tuning, prefix=self.prefix, frozen_teacher=self.teacher
        )


def frozen_inputs(
    config: Config,
    prefix: keras.Model | None,
    objective: Objective,
    sources: Mapping[str, Source],
    teacher: keras.Model | None = None,
) -> Frozen:
    """Computes what is frozen once, where that is possible.

    A teacher that answers at each step needs the inputs, so then the prefix
    runs at each step too.

    Args:
        config: the settings.
        prefix: the frozen part, or None.
        objective: may change the inputs at each step.
        sources: the splits.
        teacher: answers for the inputs of the whole model, or None.
    """
    sources = {k: v for k, v in sources.items() if k in _TRAINED_ON}
    once = _Once(config, objective, sources)
    answers = features = None
    if teacher is not None:
        answers = once.compute(teacher, "The teacher answers at every step")
    if prefix is not None and (teacher is None or answers is not None):
        features = once.compute(prefix, "The frozen part runs at every step")
    inputs = sources if features is None else features
    if answers is not None:
        if features is None:
            inputs = once.shown
        inputs = {k: answered(v, answers[k]) for k, v in inputs.items()}
    return Frozen(
        inputs,
        prefix if features is None else None,
        teacher if answers is None else None,
    )


class _Once:
    """Computes what a frozen model gives for all examples, once.

    Args:
        config: the settings.
        objective: may change the inputs at each step.
        sources: "train" and "validation".

    Attributes:
        shown: the same as they are trained on, each augmented pass of its
            own.
    """

    def __init__(
        self,
        config: Config,
        objective: Objective,
        sources: Mapping[str, Source],
    ) -> None:
        self._config, self._objective = config, objective
        self._showing = build_showing(config, objective)
        self.shown = dict(sources)
        if (augment := self._showing.augment) and config.augment_views:
            train, setting, seed = sources["train"], config.augment, config.seed
            self.shown["train"] = Views(
                tuple(
                    Augmented(train, augment, setting, seed, epoch)
                    for epoch in range(_views(config))
                )
            )

    def compute(
        self, model: keras.Model, otherwise: str
    ) -> Mapping[str, Source] | None:
        """Returns what a model gives, or None where it runs at every step.

        Args:
            model: frozen.
            otherwise: what to tell then, before the reason.
        """
        config, showing = self._config, self._showing
        if obstacle := _obstacle(config, model, self._objective, showing):
            _LOG.info("%s: %s.", otherwise, obstacle)
            return None
        return cache_features(model, self.shown, feature_cache(config))


def _views(config: Config) -> int:
    """How many augmented passes are computed once: none that no epoch reads."""
    if is_probe(config):
        return config.augment_views
    return min(config.augment_views, config.epochs)


def _obstacle(
    config: Config,
    model: keras.Model,
    objective: Objective,
    showing: Showing,
) -> str:
    """Why what a model gives cannot be computed once, or nothing."""
    shapes = [output.shape for output in model.outputs]
    if any(None in shape[1:] for shape in shapes):
        return "it gives features of each token, and texts differ in length"
    if objective.changes_inputs:
        return "the objective changes the inputs at every step"
    if showing.mix is not None:
        return "examples are mixed at every step"
    if showing.augment is not None and not config.augment_views:
        return (
            "inputs are augmented (--augment_views=K would compute K passes "
            "once)"
        )
    return ""
