"""Settles the learning rate of a run that is to find one."""

import logging
import pathlib
from collections.abc import Callable

from keras_ptft import files
from keras_ptft.config import Config
from keras_ptft.experiment.run_files import LEARNING_RATE_FILE
from keras_ptft.training.range_test import RangeTest

FIND = "find"

_LOG = logging.getLogger("keras_ptft")


def find_learning_rate(
    config: Config,
    folder: pathlib.Path | None,
    test: Callable[[], RangeTest],
) -> tuple[Config, RangeTest | None]:
    """Replaces `--learning_rate=find` by a number.

    Args:
        config: the settings.
        folder: keeps what was found, so that a training that is resumed goes
            on with the same number; None: nothing is kept.
        test: runs the range test.

    Returns:
        The settings with a number, and what was seen; None where the
        settings have a number already.

    Raises:
        UserError: the loss falls at no learning rate.
    """
    if config.learning_rate != FIND:
        return config, None
    seen = _read(folder)
    if seen is None:
        seen = test()
        _write(folder, seen)
    _LOG.info(
        "Learning rate: %.2g, found in %d steps that were taken back.",
        seen.found,
        len(seen.rates),
    )
    return config.replace(learning_rate=seen.found), seen


def _write(folder: pathlib.Path | None, seen: RangeTest) -> None:
    if folder is not None:
        files.write_json(folder / LEARNING_RATE_FILE, seen._asdict())


def _read(folder: pathlib.Path | None) -> RangeTest | None:
    path = folder / LEARNING_RATE_FILE if folder else None
    if path is None or not path.exists():
        return None
    return RangeTest(**files.read_json(path))
