"""Settings and scores of many runs, as TensorBoard's table of HParams."""

import os
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from keras_ptft.errors import DiskError, first_line

FOLDER = "tensorboard"


class HParamsRow(NamedTuple):
    """One line of the table.

    Attributes:
        name: of the run, which is a folder's too.
        settings: numbers, texts and truths by name.
        metrics: by name.
    """

    name: str
    settings: Mapping[str, Any]
    metrics: Mapping[str, float]


def write_hparams(
    folder: str | os.PathLike, rows: Sequence[HParamsRow]
) -> None:
    """Writes a table for `tensorboard --logdir` of a folder.

    What an earlier call wrote there is removed.

    Args:
        folder: gets `tensorboard/`.
        rows: one a run.

    Raises:
        DiskError: the folder cannot be written.
    """
    # it takes half a second, and a run alone needs none of it
    from tensorboard.plugins.hparams import api

    place = pathlib.Path(folder) / FOLDER
    try:
        shutil.rmtree(place, ignore_errors=True)
        for row in rows:
            writer = tf.summary.create_file_writer(str(place / row.name))
            with writer.as_default(step=0):
                api.hparams(dict(row.settings), trial_id=row.name)
                for name, value in row.metrics.items():
                    tf.summary.scalar(name, value)
            writer.close()
    except tf.errors.OpError as error:
        raise DiskError(
            f"Cannot write {place}: {first_line(error)}. Make room, and start "
            "the same command again."
        ) from error
