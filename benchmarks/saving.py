"""A training that is saved as it goes, in a process of its own."""

import pathlib
import tempfile
from unittest import mock

import keras
import numpy as np

from benchmarks.ours import TASK
from benchmarks.work import BATCH_SIZE, Watch
from keras_ptft.config import Config
from keras_ptft.data.core.array_source import ArraySource
from keras_ptft.experiment import builders, trainer
from keras_ptft.models import BACKBONES
from keras_ptft.models.normalization import unit
from keras_ptft.objectives.classification import classification
from keras_ptft.training import fit
from keras_ptft.training.checkpointing.callback import CheckpointCallback

_EPOCHS = 3


def save(
    every: str, material: str, examples: int, seed: int
) -> dict[str, float]:
    """Trains the CNN of the table for three epochs.

    Args:
        every: as `Config.checkpoint_every`.
        material: the file with "inputs" and "labels".
        examples: how many of them.
        seed: of weights and order.

    Returns:
        "epoch", seconds of the median epoch after the first; "saving",
        seconds an epoch that the callback which saves took, with what it
        does at each call of a step.
    """
    keras.utils.set_random_seed(seed)
    with np.load(material) as data:
        source = ArraySource(
            data["inputs"][:examples], data["labels"][:examples]
        )
    backbone = BACKBONES["cnn"](source.spec, unit(source.spec, None))
    objective = classification(TASK)
    model = builders.assemble(backbone, objective)
    config = Config(batch_size=BATCH_SIZE, epochs=_EPOCHS, seed=seed)
    config = config.replace(checkpoint_every=every, jit_compile="false")
    watched = []
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(fit, "CheckpointCallback", _watched(watched)),
    ):
        trained = trainer.train(
            *(config, model, objective, {"train": source}),
            folder=pathlib.Path(folder),
        )
    epochs = [row["seconds"] for row in trained["history"][1:]]
    return {"epoch": float(np.median(epochs)), "saving": sum(watched) / _EPOCHS}


def _watched(seconds: list[float]) -> type[CheckpointCallback]:
    """The callback that saves, with its seconds counted."""

    class Watched(CheckpointCallback):
        def on_train_batch_end(self, batch, logs=None):
            watch = Watch()
            super().on_train_batch_end(batch, logs)
            seconds.append(watch.seconds())

        def on_epoch_end(self, epoch, logs=None):
            watch = Watch()
            super().on_epoch_end(epoch, logs)
            seconds.append(watch.seconds())

    return Watched
