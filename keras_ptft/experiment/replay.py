"""Does the step of a run again whose loss was not finite."""

import os
import pathlib
import tempfile
from typing import Any

import keras
import numpy as np

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.data.core.dataset import Dataset
from keras_ptft.errors import UserError
from keras_ptft.evaluation.report.runs_table import aligned
from keras_ptft.experiment import run_dir, stages
from keras_ptft.experiment.failure import (
    NONFINITE,
    copy_state,
    read_failure,
)
from keras_ptft.experiment.pretrained import named_anywhere
from keras_ptft.experiment.run_files import FLAGS_FILE
from keras_ptft.remote.mirrored import opened
from keras_ptft.streams import only_warnings
from keras_ptft.training.replay import Extent, Found, Replayed, looking_for

BATCH_FILE = "batch.npz"

# the copy is trained in a folder that is removed
_NAME = "replay"
_MOST_EXAMPLES = 10


def replay(
    run: str | os.PathLike,
    *,
    dataset: Dataset | None = None,
    backbone: keras.Model | None = None,
) -> Replayed:
    """Does the step again whose loss was not finite, and prints its layers.

    The run is trained again from its last checkpoint, or from the start, up
    to that step, on one device. Where the gradients of an earlier step were
    not finite, that one is told. The batch is written to
    `nonfinite/batch.npz` in the run folder.

    Args:
        run: the run folder, or its URL.
        dataset: the data set of the run, where it was handed over.
        backbone: the backbone of the run, likewise.

    Returns:
        The step: its layers, losses and batch.

    Raises:
        UserError: no such step was kept, or the run cannot be made anew.
    """
    folder = opened(run)
    facts = read_failure(folder)
    kept = folder / NONFINITE
    is_tuned = bool(run_dir.read_environment(kept).get("parent"))
    stage = stages.finetune if is_tuned else stages.pretrain
    with tempfile.TemporaryDirectory() as place:
        config = _alone(run_dir.read_config(kept), facts, place)
        copy = pathlib.Path(place) / _NAME
        copy_state(kept, copy)
        _rewrite(copy / FLAGS_FILE, config)
        try:
            with only_warnings(), looking_for(facts["step"]):
                stage(config, dataset=dataset, backbone=backbone)
        except Found as found:
            replayed = found.replayed
        else:
            raise UserError(
                f"The run in {folder} must reach step {facts['step']}, but it "
                "ends before: restore what is in its folder nonfinite."
            )
    arrays: dict[str, Any] = dict(replayed.batch)
    with files.replacing(kept / BATCH_FILE) as partial:
        np.savez(partial, **arrays)
    print(replay_table(replayed))
    return replayed


def replay_table(found: Replayed) -> str:
    """Returns a step for a terminal, a layer a line."""
    rows = [["layer", "largest output", "largest gradient", "largest weight"]]
    for row in found.layers:
        cells = (row.outputs, row.gradients, row.weights)
        rows.append([row.name, *map(_shown, cells)])
    head = (
        f"Step {found.step:,}: loss {found.loss:.6g}, learning rate "
        f"{found.learning_rate:.6g}."
    )
    if found.first:
        head += f" The first output that is not finite is of {found.first}."
    if found.examples:
        first = ", ".join(map(str, found.examples[:_MOST_EXAMPLES]))
        head += (
            f" The loss is not finite for {len(found.examples):,} of "
            f"{len(found.losses):,} examples of the batch, the first are "
            f"{first}."
        )
    return f"{head}\n\n{aligned(rows)}"


def _shown(extent: Extent | None) -> str:
    if extent is None:
        return "–"
    largest = f"{extent.largest:.4g}"
    return largest if extent.finite else f"not finite, else {largest}"


def _alone(config: Config, facts: dict[str, Any], place: str) -> Config:
    """The settings of a run that does the same in another folder."""
    return named_anywhere(config).replace(
        name=_NAME,
        runs_dir=place,
        export_to="",
        checkpoint_every="epoch",
        compare_scratch=False,
        strategy="one_device",
        jit_compile="true" if facts["jit_compile"] else "false",
    )


def _rewrite(path: pathlib.Path, config: Config) -> None:
    """Makes the copied run one of these settings."""
    # a link shares its content with the file that was kept
    path.unlink()
    files.write_text(path, config.to_flags())
