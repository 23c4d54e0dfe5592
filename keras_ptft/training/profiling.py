"""Where the time of some training steps goes, for TensorBoard."""

import logging
import pathlib
import re
from typing import NamedTuple

import keras
import tensorflow as tf

from keras_ptft.errors import UserError

_LOG = logging.getLogger("keras_ptft")

Logs = dict[str, float] | None


class Steps(NamedTuple):
    """Training steps, counted from 1, both ends included."""

    first: int
    last: int


def parse_profile_steps(text: str) -> Steps | None:
    """Reads which steps are profiled; of an empty text none.

    Raises:
        UserError: it is not the first and the last step.

    Example:

    >>> parse_profile_steps("10,20"), parse_profile_steps("")
    (Steps(first=10, last=20), None)
    """
    if not text:
        return None
    found = re.fullmatch(r"([1-9]\d{0,8}),\s*([1-9]\d{0,8})", text)
    steps = Steps(*map(int, found.groups())) if found else None
    if steps is None or steps.first > steps.last:
        raise UserError(
            "--profile_steps must be the first and the last step, counted "
            f"from 1, as 10,20, got {text!r}."
        )
    return steps


class Profile(keras.callbacks.Callback):
    """Records some steps into `tensorboard/` of a run folder.

    Steps that one call to the device does together are recorded together.

    Args:
        folder: the run folder.
        steps: those to record.
    """

    def __init__(self, folder: pathlib.Path, steps: Steps) -> None:
        super().__init__()
        self._folder = folder / "tensorboard"
        self._steps = steps
        self._is_on = self._is_done = False

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if self._is_on or self._is_done or self._done >= self._steps.last:
            return
        if self._done + self._per_call >= self._steps.first:
            self._start()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._is_on and self._done >= self._steps.last:
            self._stop()

    def on_train_end(self, logs: Logs = None) -> None:
        """Ends it, or says that there were no such steps."""
        phase = self.model.tuning.phase
        if self._is_on:
            self._stop()
        elif not self._is_done and (phase is None or phase.is_last):
            _LOG.warning(
                "Nothing was profiled: --profile_steps=%d,%d, and this "
                "training ended after step %d.",
                *self._steps,
                self._done,
            )

    @property
    def _done(self) -> int:
        return int(self.model.step.numpy())

    @property
    def _per_call(self) -> int:
        return int(self.model.plan.steps_per_execution)

    def _start(self) -> None:
        try:
            tf.profiler.experimental.start(str(self._folder))
        except tf.errors.AlreadyExistsError:
            # an earlier training of this process was broken off
            tf.profiler.experimental.stop(save=False)
            tf.profiler.experimental.start(str(self._folder))
        self._is_on = True

    def _stop(self) -> None:
        tf.profiler.experimental.stop()
        self._is_on, self._is_done = False, True
        _LOG.info("Profiled to step %d, into %s.", self._done, self._folder)
