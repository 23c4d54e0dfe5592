"""Where a worker writes: the chief for all, the others for themselves."""

import contextlib
import logging
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import tensorflow as tf

from keras_ptft.training.distribution.strategies import (
    all_reduce_mean,
    is_chief,
)

_LOG = logging.getLogger("keras_ptft")


@contextlib.contextmanager
def worker_run_dir(
    strategy: tf.distribute.Strategy, folder: pathlib.Path
) -> Iterator[pathlib.Path]:
    """Gives the runs folder that a worker may write to during a stage.

    For the chief, and where there is but one process, it is the one that
    `folder` stands in. Any other worker does all that the chief does, so
    that none waits for a step that another leaves out, in a folder of its
    own that shows what the chief's holds, and is then removed. All workers
    enter together, before the chief changes anything, and leave together.

    Args:
        strategy: of the training.
        folder: the run folder of the stage, which all workers must see if
            it holds a run to be resumed.
    """
    all_reduce_mean(strategy, 0.0)
    if is_chief(strategy):
        all_reduce_mean(strategy, 0.0)
        yield folder.parent
    else:
        with tempfile.TemporaryDirectory(prefix="keras-ptft-") as own:
            _show(folder, pathlib.Path(own))
            all_reduce_mean(strategy, 0.0)
            with _quiet():
                yield pathlib.Path(own)
    all_reduce_mean(strategy, 0.0)


def _show(folder: pathlib.Path, own: pathlib.Path) -> None:
    """Makes the runs beside `folder` visible in a folder of one's own.

    Others are linked to. The run itself is copied, since its files come
    and go while it trains, and so is the list of features.
    """
    runs = folder.parent.absolute()
    if not runs.is_dir():
        return
    for path in runs.iterdir():
        target = own / path.name
        if path.name == folder.name:
            ignored = shutil.ignore_patterns("tensorboard", ".partial-*")
            shutil.copytree(path, target, ignore=ignored)
        elif path.name == ".features":
            shutil.copytree(path, target, copy_function=os.symlink)
        else:
            target.symlink_to(path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leaves it to the chief to tell of progress."""
    level = _LOG.level
    _LOG.setLevel(logging.WARNING)
    try:
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            contextlib.redirect_stdout(nowhere),
        ):
            yield
    finally:
        _LOG.setLevel(level)
