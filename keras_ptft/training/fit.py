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
from keras_ptft.errors import UserError
from keras_ptft.objectives.objective import Objective
from keras_ptft.training import callbacks
from keras_ptft.training.checkpointing.callback import CheckpointCallback
from keras_ptft.training.checkpointing.preemption import stop_on_signal
from keras_ptft.training.checkpointing.store import Checkpoint, Checkpoints
from keras_ptft.training.distribution.strategies import distributed
from keras_ptft.training.training_model import TrainingModel


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """How examples are shown to a model.

    Attributes:
        batch_size: examples computed at a time, over all replicas.
        gradient_accumulation: batches whose gradients make one step.
        epochs: passes over the training split.
        seed: of the order and of the augmentation.
        augment: (inputs, seeds) → inputs, or None.
        class_weights: float32 array, the weight of each label, or None.
        early_stopping_patience: epochs without a better validation loss
            before the end, with the best weights kept; 0: never stop.
    """

    batch_size: int = 64
    gradient_accumulation: int = 1
    epochs: int = 5
    seed: int = 0
    augment: batching.Augment | None = None
    class_weights: np.ndarray | None = None
    early_stopping_patience: int = 0

    @property
    def step_size(self) -> int:
        """Examples a step."""
        return self.batch_size * self.gradient_accumulation


def training_batches(
    source: Source,
    objective: Objective,
    schooling: FitConfig,
    share: batching.Share = (0, 1),
    start_step: int = 0,
) -> tf.data.Dataset:
    """The batches that `fit` trains on, or a share of each, without end."""
    return batching.training_batches(
        source,
        batching.weighted(objective.transform, schooling.class_weights),
        batch_size=schooling.step_size,
        seed=schooling.seed,
        augment=schooling.augment,
        start_step=start_step,
        share=share,
    )


def fit(
    loop: TrainingModel,
    splits: Mapping[str, Source],
    schooling: FitConfig,
    *,
    folder: pathlib.Path | None = None,
    checkpoints: Checkpoints | None = None,
    start: Checkpoint | None = None,
) -> list[dict[str, float]]:
    """Trains a loop's model on the "train" split, in place.

    Args:
        loop: the model with its objective, optimizer and plan.
        splits: "train" and, if it is to be watched, "validation".
        schooling: how examples are shown.
        folder: gets `history.csv` and `tensorboard/`; None: nothing.
        checkpoints: where the training is saved, as often as is due and on
            SIGINT or SIGTERM; None: nowhere.
        start: one of these, to go on from; it ends with the weights and
            the history of a training that was never interrupted.

    Returns:
        One row an epoch: epoch (from 1), loss, metrics, val_loss, ...,
        learning_rate, seconds.

    Raises:
        UserError: the loss was not finite, early stopping has no
            validation split to watch, or `start` is of another model.
        TrainingInterrupted: a signal asked for it, and the training is saved.
    """
    step = start.step if start else 0
    ended = start is not None and start.facts["ended"]
    first = schooling.epochs if ended else step // loop.steps_per_epoch
    history = callbacks.History(folder)
    remembering = {"history": history, **_early_stopping(schooling, splits)}
    verbose, lines = callbacks.progress()
    watching = [callbacks.StopOnNaN(), *lines, *remembering.values()]
    with contextlib.ExitStack() as stack:
        if checkpoints is not None:
            resuming = CheckpointCallback(checkpoints, start, remembering)
            watching.append(resuming)
            resuming.set_model(loop)
            stack.enter_context(stop_on_signal(resuming.ask))
        loop.fit(
            _training(loop, splits["train"], schooling, step),
            initial_epoch=first,
            epochs=schooling.epochs,
            steps_per_epoch=loop.steps_per_epoch,
            validation_data=_validation(loop, splits, schooling),
            shuffle=False,
            verbose=verbose,
            callbacks=watching,
        )
        if checkpoints is not None:
            resuming.check_stopped()
    return history.rows


def _training(
    loop: TrainingModel, source: Source, schooling: FitConfig, step: int
) -> tf.data.Dataset:
    make = partial(
        training_batches, source, loop.objective, schooling, start_step=step
    )
    return distributed(loop.distribute_strategy, make)


def _validation(
    loop: TrainingModel, splits: Mapping[str, Source], schooling: FitConfig
) -> tf.data.Dataset | None:
    if "validation" not in splits:
        return None
    size = len(splits["validation"])
    loop.evaluation_steps = math.ceil(size / schooling.batch_size)
    make = partial(
        batching.evaluation_batches,
        splits["validation"],
        loop.objective.transform,
        batch_size=schooling.batch_size,
    )
    return distributed(loop.distribute_strategy, make)


def _early_stopping(
    schooling: FitConfig, splits: Mapping[str, Source]
) -> dict[str, callbacks.EarlyStopping]:
    patience = schooling.early_stopping_patience
    if not patience:
        return {}
    if "validation" not in splits:
        raise UserError(
            "--early_stopping_patience needs a validation split to watch: "
            "set --validation_fraction=0.1."
        )
    return {"early_stopping": callbacks.EarlyStopping(patience)}
