"""The one training function."""

import contextlib
import dataclasses
import math
import pathlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from keras_ptft.data.core.dataset import Source
from keras_ptft.data.pipeline import batching
from keras_ptft.data.pipeline.showing import PLAIN, Shard, Showing
from keras_ptft.errors import UserError
from keras_ptft.training import callbacks
from keras_ptft.training.checkpointing.callback import (
    CheckpointCallback,
    Stateful,
)
from keras_ptft.training.checkpointing.preemption import stop_on_signal
from keras_ptft.training.checkpointing.store import Checkpoint, Checkpoints
from keras_ptft.training.distribution.strategies import distributed
from keras_ptft.training.execution.tpu_step import check_step
from keras_ptft.training.optimizers.averages import constrain
from keras_ptft.training.progress import progress
from keras_ptft.training.replay import Found, is_looked_for, look
from keras_ptft.training.teachers import with_answers
from keras_ptft.training.training_model import Trainable, TrainingModel

NOBODY = callbacks.Watchers()
"""No other callbacks than those of every training."""


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """How examples are shown to a model.

    Attributes:
        batch_size: examples computed at a time, over all replicas.
        gradient_accumulation: batches whose gradients make one step.
        epochs: passes over the training split.
        seed: of the order and of all random changes.
        showing: how examples are chosen and changed.
        class_weights: float32 of shape (classes,), or None.
        early_stopping_patience: epochs without a lower validation loss
            after which training stops and the best weights are restored;
            0: never stop.
    """

    batch_size: int = 64
    gradient_accumulation: int = 1
    epochs: int = 5
    seed: int = 0
    showing: Showing = PLAIN
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
    shard: Shard = (0, 1),
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
    make = _making(batching.training_batches, trainable, fit_config)
    return make(source, shard=shard, start_step=start_step)


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
    session = Session(
        fit_config, folder=folder, checkpoints=checkpoints, start=start
    )
    session.run(model, splits)
    return session.rows


class Session:
    """A training whose model may change between epochs.

    History, early stopping and checkpoints run through.

    Args:
        fit_config: how examples are shown.
        folder: as in `fit`.
        checkpoints: as in `fit`.
        start: as in `fit`.
        watchers: other callbacks.

    Attributes:
        step: steps done.
        ended: whether early stopping has ended the training.
    """

    def __init__(
        self,
        fit_config: FitConfig,
        *,
        folder: pathlib.Path | None = None,
        checkpoints: Checkpoints | None = None,
        start: Checkpoint | None = None,
        watchers: callbacks.Watchers = NOBODY,
    ) -> None:
        self.step = start.step if start else 0
        self.ended = start is not None and bool(start.facts["ended"])
        self._config, self._start = fit_config, start
        self._history = callbacks.History(folder)
        stateful: dict[str, Stateful] = {"history": self._history}
        if patience := fit_config.early_stopping_patience:
            stateful["early_stopping"] = callbacks.EarlyStopping(patience)
        verbose, shown = progress(fit_config.epochs)
        self._verbose = verbose
        self._callbacks = [
            callbacks.StopOnNaN(),
            *watchers.scoring,
            *shown,
            *stateful.values(),
        ]
        self._saver: CheckpointCallback | None = None
        if checkpoints is not None:
            self._saver = CheckpointCallback(checkpoints, start, stateful)
            self._callbacks.append(self._saver)
        self._callbacks += watchers.watching

    @property
    def rows(self) -> list[dict[str, float]]:
        """One row an epoch so far, as `fit` returns them."""
        return self._history.rows

    def run(
        self,
        model: TrainingModel,
        splits: Mapping[str, Source],
        until: int | None = None,
    ) -> None:
        """Trains a model to the end of an epoch, in place.

        Args:
            model: shares its state with the models of earlier calls.
            splits: as in `fit`.
            until: how many epochs are done then; None: all.

        Raises:
            UserError: see `fit`.
            TrainingInterrupted: see `fit`.
        """
        _check_validated(self._config, splits)
        until, steps = until or self._config.epochs, model.steps_per_epoch
        if self.step:
            with model.distribute_strategy.scope():
                model.step.assign(self.step)
        if is_looked_for(until * steps):
            self._look(model, splits["train"])
        with contextlib.ExitStack() as stack:
            if self._saver is not None:
                self._saver.set_model(model)
                stop = stop_on_signal(self._saver.request_stop)
                stack.enter_context(stop)
            validation = validation_batches(model, splits, self._config)
            shown = _shown(model, splits["train"], self._config, self.step)
            if model.plan.on_tpu:
                check_step(model, shown)
            model.fit(
                shown,
                initial_epoch=until if self.ended else self.step // steps,
                epochs=until,
                steps_per_epoch=steps,
                validation_data=validation,
                validation_steps=model.evaluation_steps or None,
                shuffle=False,
                verbose=self._verbose,
                callbacks=self._callbacks,
            )
            # which has left averages in them, where these are kept
            constrain(model.trainable_weights)
            if self._saver is not None:
                self._saver.check_stopped()
        self.step = int(model.step.numpy())
        self.ended |= bool(model.stop_training)

    def _look(self, model: TrainingModel, source: Source) -> NoReturn:
        start = self._start
        if start is not None and start.step != self.step:
            # an earlier phase was trained from there
            start = None
        batches = _training(model, source, self._config, self.step)
        raise Found(look(model, batches, start))


def _shown(
    model: TrainingModel, source: Source, fit_config: FitConfig, step: int
) -> tf.data.Dataset:
    """What `fit` reads; nothing where the model gathers its batches."""
    if not model.plan.resident:
        return _training(model, source, fit_config, step)
    replicas = model.plan.replicas
    shards = [(index, replicas) for index in range(replicas)]
    make = _making(batching.training_batch, model.objective, fit_config)
    model.batch_at = make(source, shards=shards)
    if model.plan.on_tpu:
        model.hold_rows()
    return distributed(model.distribute_strategy, partial(_nothing, replicas))


def _nothing(replicas: int, shard: Shard = (0, 1)) -> tf.data.Dataset:
    """Endless batches for `fit` to distribute, which are not read."""
    _, workers = shard
    batch = (tf.zeros([replicas // workers]),)
    return tf.data.Dataset.from_tensors(batch).repeat()


def _making(
    make: Callable[..., Any], trainable: Trainable, fit_config: FitConfig
) -> Callable[..., Any]:
    """(source, ...) → what `make` makes of the settings."""

    def made(source: Source, **more: Any) -> Any:
        transform = with_answers(trainable)
        return make(
            source,
            batching.weighted(transform, fit_config.class_weights),
            batch_size=fit_config.step_size,
            seed=fit_config.seed,
            showing=fit_config.showing,
            **more,
        )

    return made


def _training(
    model: TrainingModel, source: Source, fit_config: FitConfig, step: int
) -> tf.data.Dataset:
    make = partial(
        training_batches, source, model.objective, fit_config, start_step=step
    )
    return distributed(model.distribute_strategy, make)


def validation_batches(
    model: TrainingModel, splits: Mapping[str, Source], fit_config: FitConfig
) -> tf.data.Dataset | None:
    """Returns what a model is evaluated on, endless, or None.

    Keras starts to read it once. It would start twice an epoch with what
    ends, which takes as long as to evaluate a small split.

    Args:
        model: is told how many batches there are.
        splits: maybe with "validation".
        fit_config: how many examples are computed at a time.
    """
    if "validation" not in splits:
        return None
    source, batch_size = splits["validation"], fit_config.batch_size
    model.evaluation_steps = math.ceil(len(source) / batch_size)

    def make(**shard: Shard) -> tf.data.Dataset:
        transform = with_answers(model.objective)
        return batching.evaluation_batches(
            source, transform, batch_size=batch_size, **shard
        ).repeat()

    return distributed(model.distribute_strategy, make)


def _check_validated(
    fit_config: FitConfig, splits: Mapping[str, Source]
) -> None:
    if fit_config.early_stopping_patience and "validation" not in splits:
        raise UserError(
            "--early_stopping_patience needs a validation split to watch: "
            "set --validation_fraction=0.1."
        )
