"""The one training function."""

import contextlib
import dataclasses
import math
import pathlib
from collections.abc import Mapping
from functools import partial

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline import batching
from keras_ptft.data.pipeline.epoch_views import Augment
from keras_ptft.errors import UserError
from keras_ptft.training import callbacks
from keras_ptft.training.checkpointing.callback import (
    CheckpointCallback,
    Stateful,
)
from keras_ptft.training.checkpointing.preemption import stop_on_signal
from keras_ptft.training.checkpointing.store import Checkpoint, Checkpoints
from keras_ptft.training.distribution.strategies import distributed
from keras_ptft.training.training_model import Trainable, TrainingModel


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """How examples are shown to a model.

    Attributes:
        batch_size: examples computed at a time, over all replicas.
        gradient_accumulation: batches whose gradients make one step.
        epochs: passes over the training split.
        seed: of the order and of the augmentation.
        augment: (inputs, seeds) → inputs, or None.
        class_weights: float32 of shape (classes,), or None.
        early_stopping_patience: epochs without a lower validation loss
            after which training stops and the best weights are restored;
            0: never stop.
    """

    batch_size: int = 64
    gradient_accumulation: int = 1
    epochs: int = 5
    seed: int = 0
    augment: Augment | None = None
    class_weights: np.ndarray | None = None
    early_stopping_patience: int = 0

    @property
    def step_size(self) -> int:
        """Examples a step."""
        return self.batch_size * self.gradient_accumulation


def training_batches(
    source: Source,
    trainable: Trainable,
    fit_config: FitConfig,
    shard: batching.Shard = (0, 1),
    start_step: int = 0,
) -> tf.data.Dataset:
    """Returns the endless batches that `fit` trains on.

    Args:
        source: the training examples.
        trainable: its `transform` makes the batches.
        fit_config: how examples are shown.
        shard: (index, count): which of `count` equal parts of each batch.
        start_step: the step of the first batch.
    """
    return batching.training_batches(
        source,
        batching.weighted(trainable.transform, fit_config.class_weights),
        batch_size=fit_config.step_size,
        seed=fit_config.seed,
        augment=fit_config.augment,
        start_step=start_step,
        shard=shard,
    )


def fit(
    model: TrainingModel,
    splits: Mapping[str, Source],
    fit_config: FitConfig,
    *,
    folder: pathlib.Path | None = None,
    checkpoints: Checkpoints | None = None,
    start: Checkpoint | None = None,
) -> list[dict[str, float]]:
    """Trains a model on the "train" split, in place.

    Args:
        model: the model with its objective, optimizer and plan.
        splits: "train" and optionally "validation".
        fit_config: how examples are shown.
        folder: gets `history.csv` and `tensorboard/`; None: nothing.
        checkpoints: saves the training when one is due and on SIGINT or
            SIGTERM; None: never.
        start: a checkpoint to resume from; the training ends with the same
            weights and history as one that was never interrupted.

    Returns:
        One row an epoch: epoch (from 1), loss, metrics, val_loss, ...,
        learning_rate, seconds.

    Raises:
        UserError: the loss was not finite, early stopping has no
            validation split, or `start` belongs to another model.
        TrainingInterrupted: stopped by a signal, with a checkpoint saved.
    """
    step = start.step if start else 0
    ended = start is not None and start.facts["ended"]
    epochs, steps = fit_config.epochs, model.steps_per_epoch
    history = callbacks.History(folder)
    stateful: dict[str, Stateful] = {"history": history}
    stateful |= _early_stopping(fit_config, splits)
    verbose, progress = callbacks.progress()
    watchers = [callbacks.StopOnNaN(), *progress, *stateful.values()]
    with contextlib.ExitStack() as stack:
        if checkpoints is not None:
            saver = CheckpointCallback(checkpoints, start, stateful)
            watchers.append(saver)
            saver.set_model(model)
            stack.enter_context(stop_on_signal(saver.request_stop))
        model.fit(
            _training(model, splits["train"], fit_config, step),
            initial_epoch=epochs if ended else step // steps,
            epochs=epochs,
            steps_per_epoch=steps,
            validation_data=_validation(model, splits, fit_config),
            shuffle=False,
            verbose=verbose,
            callbacks=watchers,
        )
        if checkpoints is not None:
            saver.check_stopped()
    return history.rows


def _training(
    model: TrainingModel, source: Source, fit_config: FitConfig, step: int
) -> tf.data.Dataset:
    make = partial(
        training_batches, source, model.objective, fit_config, start_step=step
    )
    return distributed(model.distribute_strategy, make)


def _validation(
    model: TrainingModel, splits: Mapping[str, Source], fit_config: FitConfig
) -> tf.data.Dataset | None:
    if "validation" not in splits:
        return None
    source, batch_size = splits["validation"], fit_config.batch_size
    model.evaluation_steps = math.ceil(len(source) / batch_size)
    make = partial(
        batching.evaluation_batches,
        source,
        model.objective.transform,
        batch_size=batch_size,
    )
    return distributed(model.distribute_strategy, make)


def _early_stopping(
    fit_config: FitConfig, splits: Mapping[str, Source]
) -> dict[str, Stateful]:
    patience = fit_config.early_stopping_patience
    if not patience:
        return {}
    if "validation" not in splits:
        raise UserError(
            "--early_stopping_patience needs a validation split to watch: "
            "set --validation_fraction=0.1."
        )
    return {"early_stopping": callbacks.EarlyStopping(patience)}
