"""Where each worker writes: the chief to the run, others to a copy."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import tensorflow as tf

from keras_ptft.streams import only_warnings
from keras_ptft.training.distribution.strategies import (
    all_reduce_mean,
    is_chief,
)


@contextlib.contextmanager
def worker_run_dir(
    strategy: tf.distribute.Strategy, folder: pathlib.Path
) -> Iterator[pathlib.Path]:
    """Yields the runs folder that this worker may write to.

    The chief, or the only process, gets the folder that holds `folder`.
    Every other worker does the same work as the chief, since a step that
    one of them left out would block the rest; it gets a temporary folder
    with the same content, and logs only warnings. All workers enter
    together, before the chief changes anything, and leave together.

    Args:
        strategy: of the training.
        folder: the run folder of the stage; a run is resumed only if all
            workers see it.
    """
    all_reduce_mean(strategy, 0.0)
    if is_chief(strategy):
        all_reduce_mean(strategy, 0.0)
        yield folder.parent
    else:
        with tempfile.TemporaryDirectory(prefix="keras-ptft-") as name:
            runs_dir = pathlib.Path(name)
            _mirror(folder, runs_dir)
            all_reduce_mean(strategy, 0.0)
            with only_warnings():
                yield runs_dir
    all_reduce_mean(strategy, 0.0)


def _mirror(folder: pathlib.Path, runs_dir: pathlib.Path) -> None:
    """Links the runs beside `folder` into `runs_dir`.

    The run itself is copied, since its files change while it trains. Of the
    cached features, the folder is copied and the files are linked.
    """
    source = folder.parent.absolute()
    if not source.is_dir():
        return
    for path in source.iterdir():
        target = runs_dir / path.name
        if path.name == folder.name:
            ignored = shutil.ignore_patterns("tensorboard", ".partial-*")
            shutil.copytree(path, target, ignore=ignored)
        elif path.name == ".features":
            shutil.copytree(path, target, copy_function=os.symlink)
        else:
            target.symlink_to(path)
