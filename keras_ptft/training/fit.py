"""The one training function."""

import dataclasses
import pathlib
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from keras_ptft.data import pipeline
from keras_ptft.data.dataset import Source
from keras_ptft.errors import UserError
from keras_ptft.objectives.objective import Objective
from keras_ptft.training import callbacks
from keras_ptft.training.loop import TrainingLoop


@dataclasses.dataclass(frozen=True)
class Schooling:
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
    augment: pipeline.Augment | None = None
    class_weights: np.ndarray | None = None
    early_stopping_patience: int = 0

    @property
    def step_size(self) -> int:
        """Examples a step."""
        return self.batch_size * self.gradient_accumulation


def training_batches(
    source: Source, objective: Objective, schooling: Schooling
) -> tf.data.Dataset:
    """The batches that `fit` trains on, without end."""
    return pipeline.training_batches(
        source,
        objective.transform,
        batch_size=schooling.step_size,
        seed=schooling.seed,
        augment=schooling.augment,
        class_weights=schooling.class_weights,
    )


def fit(
    loop: TrainingLoop,
    splits: Mapping[str, Source],
    schooling: Schooling,
    *,
    folder: pathlib.Path | None = None,
) -> list[dict[str, float]]:
    """Trains a loop's model on the "train" split, in place.

    Args:
        loop: the model with its objective, optimizer and plan.
        splits: "train" and, if it is to be watched, "validation".
        schooling: how examples are shown.
        folder: gets `history.csv` and `tensorboard/`; None: nothing.

    Returns:
        One row an epoch: epoch (from 1), loss, metrics, val_loss, ...,
        learning_rate, seconds.

    Raises:
        UserError: the loss was not finite, or early stopping has no
            validation split to watch.
    """
    batches = training_batches(splits["train"], loop.objective, schooling)
    validation = None
    if "validation" in splits:
        validation = pipeline.evaluation_batches(
            splits["validation"],
            loop.objective.transform,
            batch_size=schooling.batch_size,
        )
    history = callbacks.History(folder)
    verbose, lines = callbacks.progress()
    loop.fit(
        batches,
        epochs=schooling.epochs,
        steps_per_epoch=loop.steps_per_epoch,
        validation_data=validation,
        shuffle=False,
        verbose=verbose,
        callbacks=[
            callbacks.StopOnNaN(),
            history,
            *lines,
            *_early_stopping(schooling.early_stopping_patience, splits),
        ],
    )
    return history.rows


def _early_stopping(
    patience: int, splits: Mapping[str, Source]
) -> list[keras.callbacks.Callback]:
    if not patience:
        return []
    if "validation" not in splits:
        raise UserError(
            "--early_stopping_patience needs a validation split to watch: "
            "set --validation_fraction=0.1."
        )
    return [
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=patience, restore_best_weights=True
        )
    ]
